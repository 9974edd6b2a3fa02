"""Where a browser is sent, what a person is shown, and what the log gets of a sign-in that failed."""

from collections.abc import Iterable
from html import escape

from gatepass.core.event import ProviderFailure, ProviderSignInRefused
from gatepass.errors import Problem, ProviderFailed
from gatepass.server.context import Context
from gatepass.server.http import Reply, Request
from gatepass.wire.navigation import is_navigation

HTML = "text/html; charset=utf-8"


def report_failure(context: Context, request: Request, provider: str, problem: Problem) -> None:
    """Report why a sign-in at a provider began no session."""
    at, address = context.clock.now(), context.ip_prefix(request)
    if isinstance(problem, ProviderFailed) and context.providers.is_news(provider, problem.why):
        context.report(ProviderFailure(at=at, address=address, provider=provider, why=problem.why))
    context.report(ProviderSignInRefused(at=at, address=address, provider=provider, code=problem.code))


def redirect(location: str, *, cookies: Iterable[str] = ()) -> Reply:
    """Send the browser on."""
    return Reply(303, headers=[("location", location)], cookies=cookies)


def problem_page(request: Request, problem: Problem, *, cookies: Iterable[str] = ()) -> Reply:
    """A problem for a person: a page without script, style or text of others. A program gets a document."""
    if not is_navigation(request.headers):
        return Reply.of(problem, cookies=cookies)
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(problem.title)}</title>"
        f"<h1>Nobody was signed in</h1><p>{escape(problem.detail)}</p><p><a href=/>Go on</a></p></html>"
    )
    headers = [(name.lower(), value) for name, value in problem.headers.items()]
    return Reply(problem.status, text.encode(), media_type=HTML, headers=headers, cookies=cookies)
