"""`gatepass login`, `logout`, `whoami` and `request`: a session for shell scripts, like `gh auth` and `gh api`.

A password comes from a prompt or from one line of standard input, a code from another, and tokens stay in the session
file. None is ever an argument, which every user of the machine could read, and none is printed.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import click

from gatepass.cli.common import json_option, read_password
from gatepass.cli.group import fail
from gatepass.core.assurance import MFA
from gatepass.core.secret import Secret
from gatepass.problem_codes import ProblemCode

NO_PASSWORD_HINT = (
    "(An account that is opened at a provider only, such as Google, has no password. Its owner sets one where the "
    "application offers a new password by mail.)"
)
MAX_CODES = 3
"""How often a code is asked for, at a terminal."""
STEP_UP_HINT = "This needs a code of your second factor: run it at a terminal."
HIDDEN_HEADERS = ("set-cookie", "set-cookie2")
auth_option = click.option("--auth", default="/auth", show_default=True, help="Path of the auth endpoints.")


@click.command()
@click.argument("url")
@click.option("--email", help="The address of the account; prompted for by default.")
@click.option("--mail-code", is_flag=True, help="Sign in with a code that is mailed to you, without a password.")
@auth_option
@json_option
def login(url: str, email: str | None, mail_code: bool, auth: str, as_json: bool) -> None:
    """Sign in at URL and keep the session in a file.

    The password comes from a prompt, or from one line of standard input; so does a code that was mailed, and the code
    of an authenticator app, or a recovery code, where the account has a second factor.
    """
    if email is None and not sys.stdin.isatty():
        what = "code" if mail_code else "password"
        raise click.UsageError(f"Name the account: --email. (Standard input is the {what}.)")
    with opened(lambda files: files.login_at(url, auth)) as (saved, client):
        saved.storage.save(
            saved.storage.load()
        )  # a file that cannot be written is reported before the password is asked for
        email = email or click.prompt("E-mail address", err=True)
        account = _by_mail_code(client, email) if mail_code else _sign_in(client, email, read_password())
        output = {"auth_url": saved.auth_url, "email": account.email, "id": account.id}
        click.echo(json.dumps(output) if as_json else f"signed in at {saved.auth_url} as {account.email}")


@click.command()
@click.argument("url", required=False)
@click.option("--everywhere", is_flag=True, help="Revoke all sessions of the account, on all machines.")
def logout(url: str | None, everywhere: bool) -> None:
    """Sign out at URL, or at the only server where you are signed in."""
    with opened(lambda files: files.choose(url, to_sign_out=True)) as (saved, client):
        client.sign_out(everywhere=everywhere)
        if saved.is_signing_out():
            fail(f"Signed out here, but {saved.origin} does not answer. Run this again once it does.")
        click.echo(f"signed out at {saved.auth_url}{' everywhere' if everywhere else ''}")


@click.command()
@click.argument("url", required=False)
@json_option
def whoami(url: str | None, as_json: bool) -> None:
    """Print the account of the session at URL, as the server sees it."""
    with opened(lambda files: files.choose(url)) as (saved, client):
        account = saved.account(client)
        output = {"auth_url": saved.auth_url, "email": account.email, "id": account.id}
        click.echo(json.dumps(output) if as_json else f"{account.email} at {saved.auth_url}")


@click.command()
@click.argument("method")
@click.argument("url")
@click.option("-d", "--data", help="The body; @FILE reads a file, - standard input.")
@click.option("-H", "--header", "headers", multiple=True, help="'Name: value'; may be given more than once.")
@json_option
def request(method: str, url: str, data: str | None, headers: tuple[str, ...], as_json: bool) -> None:
    """Send a request with your session and print the body of the response.

    URL is absolute, or a path if you are signed in at one server only. A status of 400 or more is exit
    code 1. With --json: one object with status, headers and body. Where the route wants a second factor,
    a terminal is asked for a code, and the request is sent again.
    """
    content = None if data is None else _read_body(data)
    given = _parse_headers(headers, content)
    is_path = url.startswith("/")
    with opened(lambda files: files.choose(None if is_path else url)) as (_, client):
        answer = _send(client, method.upper(), url, content=content, headers=given)
        body = answer.content
        needs_end = bool(body) and not body.endswith(b"\n") and (sys.stdout.isatty() or answer.is_error)
        click.echo(json.dumps(_as_object(answer)) if as_json else body, nl=as_json or needs_end)
        if answer.is_error:
            fail(f"{method.upper()} {answer.url.path}: {answer.status_code} {answer.reason_phrase}".rstrip())


def _send(client: Any, method: str, url: str, **options: Any) -> Any:
    """The answer, after a second factor where one is asked for.

    At a terminal alone: a script's standard input is not this command's to read.
    """
    from gatepass.client.errors import StepUpRequiredError, problem_of

    answer = client.request(method, url, **options)
    asked = problem_of(answer) if answer.status_code == HTTPStatus.UNAUTHORIZED else None
    if not isinstance(asked, StepUpRequiredError):
        return answer
    if MFA not in asked.acr_values:
        click.echo(f"Sign in again: gatepass login {answer.url.scheme}://{answer.url.netloc.decode()}", err=True)
        return answer
    if not sys.stdin.isatty():
        click.echo(STEP_UP_HINT, err=True)
        return answer
    _second_step(client, client.step_up())
    return client.request(method, url, **options)


def _sign_in(client: Any, email: str, password: Secret) -> Any:
    """The account. After a refusal the hint about accounts without a password is for every account alike."""
    from gatepass.client.errors import ProblemError, SecondFactorRequiredError

    try:
        return client.sign_in(email, password.reveal())
    except SecondFactorRequiredError as needed:
        return _second_step(client, needed)
    except ProblemError as refused:
        if refused.code == ProblemCode.INVALID_CREDENTIALS:
            fail(f"{refused.detail} {NO_PASSWORD_HINT}")
        raise


def _by_mail_code(client: Any, email: str) -> Any:
    """The account, after a code that is mailed."""
    from gatepass.client.errors import NotFoundError, SecondFactorRequiredError

    try:
        ticket = client.request_mail_code(email).ticket
    except NotFoundError:
        fail("This server mails no codes. Sign in with a password, without --mail-code.")
    click.echo("If there is an account with this address, a code is on its way to it.", err=True)
    try:
        return _typed("The code in the mail", lambda code: client.sign_in_by_mail_code(ticket, code))
    except SecondFactorRequiredError as needed:
        return _second_step(client, needed)


def _second_step(client: Any, needed: Any) -> Any:
    """The account, after a code of an authenticator app (six digits) or a recovery code."""
    if not {"totp", "recovery"} & set(needed.methods):
        fail("This account asks for a second factor that a terminal does not have. Sign in with a browser.")

    def end(code: str) -> Any:
        return client.sign_in_by_code(needed.ticket, code, method="totp" if _is_totp_code(code) else "recovery")

    return _typed("Code of the authenticator app, or a recovery code", end)


def _typed(prompt: str, end: Callable[[str], Any]) -> Any:
    """What `end` returns for a code that is asked for, at a terminal up to MAX_CODES times."""
    from gatepass.client.errors import SecondFactorRequiredError, UnauthenticatedError

    for attempts_left in reversed(range(MAX_CODES if sys.stdin.isatty() else 1)):
        try:
            return end(read_password(prompt).reveal())
        except SecondFactorRequiredError:  # the code was right
            raise
        except UnauthenticatedError as refused:
            if not attempts_left:
                raise
            click.echo(refused.detail, err=True)
    raise AssertionError("unreachable")


def _is_totp_code(text: str) -> bool:
    """Whether it is one of an authenticator app: a recovery code is longer."""
    from gatepass.core.totp import DIGITS

    digits = "".join(text.split())
    return digits.isdigit() and len(digits) == DIGITS


@contextmanager
def opened(find: Callable[[Any], Any]) -> Iterator[tuple[Any, Any]]:
    """The login that `find` returns, and a client with its session. An error of the client is shown as one sentence."""
    try:
        from gatepass.cli import login_files
        from gatepass.client import Client
        from gatepass.client.errors import ClientError, SessionEndedError
        from gatepass.client.http import httpx
    except ImportError as missing:
        if missing.name is not None:  # the import system names what it did not find: a defect, and no missing extra
            raise
        fail(str(missing))
    # Errors are shown as one sentence. The client's own warnings are for programs that configure logging.
    logging.getLogger("gatepass.client").addHandler(logging.NullHandler())
    try:
        saved = find(login_files)
        headers = {"User-Agent": "gatepass-cli"}
        with Client(saved.origin, auth_url=saved.auth_url, storage=saved.storage, headers=headers) as client:
            yield saved, client
    except login_files.Ambiguous as several:
        raise click.UsageError(str(several)) from None
    except SessionEndedError:
        fail(f"Your session at {saved.origin} has ended. Sign in with: gatepass login {saved.origin}")
    except ClientError as error:
        fail(getattr(error, "detail", None) or str(error))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"The server cannot be reached, or its response is not valid HTTP ({type(error).__name__}).")


def _read_body(data: str) -> bytes:
    """The body that `-d` names. Raises UsageError if its file cannot be read."""
    if data == "-":
        return sys.stdin.buffer.read()
    if not data.startswith("@"):
        return data.encode()
    try:
        with open(data[1:], "rb") as file:
            return file.read()
    except OSError as fault:
        raise click.UsageError(f"Cannot read {data[1:]}: {fault.strerror}.") from None


def _parse_headers(headers: tuple[str, ...], content: bytes | None) -> list[tuple[str, str]]:
    """The headers that `-H` names, and a Content-Type if they have none: JSON if the body is JSON, else text."""
    given = []
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise click.UsageError("A header is written 'Name: value'.")  # not repeated: it may be a secret
        given.append((name.strip(), value.strip()))
    if content is not None and all(name.lower() != "content-type" for name, _ in given):
        given.append(("Content-Type", "application/json" if _is_json(content) else "text/plain; charset=utf-8"))
    return given


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _as_object(answer: Any) -> dict[str, object]:
    """The response for a program, without cookies: they hold tokens, and only the client uses them."""
    shown = {name: value for name, value in answer.headers.items() if name not in HIDDEN_HEADERS}
    body = json.loads(answer.content) if _is_json(answer.content) else answer.text
    return {"status": answer.status_code, "headers": shown, "body": body}
