"""Signing in and out: the two verbs that change whose session it is. Both take the lock that a refresh takes.

A sign-out takes effect here before the server is asked. Without a network it is kept in the storage, so that the
server is told later: at the next start, the next sign-in or sign-out (offline logout).
"""

from functools import partial

from gatepass.client.flow import Work
from gatepass.client.http import httpx
from gatepass.client.session.access_token import Pass
from gatepass.client.session.endpoints import CLIENT, Answer, Ask, Grant, read_grant
from gatepass.client.session.persistence import Book
from gatepass.client.session.refresh import Flow, locked


def sign(book: Book, path: str, credentials: dict[str, object]) -> Flow[tuple[Answer, Grant | None]]:
    """Exchange credentials at `path`. The session whose cookie goes along ends at the server (`replaced`)."""

    def exchange() -> Flow[tuple[Answer, Grant | None]]:
        yield Work(book.read)
        answer = yield Ask(f"{book.url}/{path}", body=credentials, cookie=book.stored.cookie, timeout=book.timeout)
        grant = read_grant(answer)
        if grant is not None:
            yield Work(partial(book.begin, grant))
        return answer, grant

    return (yield from locked(book, exchange))


def leave(book: Book, sid: str) -> Flow[None]:
    """Sign out here."""

    def note() -> Flow[None]:
        yield Work(partial(book.leave, sid))

    yield from locked(book, note)


def leave_everywhere(book: Book, held: Pass) -> Flow[Answer]:
    """Have the server end every session of the account. Raises httpx.RequestError."""
    # No token in a local variable: crash reports show those.
    ask = Ask(f"{book.url}/logout-all", headers={**CLIENT, "Authorization": held.header}, timeout=book.timeout)
    answer: Answer = yield ask
    return answer


def settle(book: Book) -> Flow[None]:
    """Have the server confirm the sign-outs that it does not know of. Without a network they are kept."""
    for sid, ask in [(sid, _untold(book, sid, (name, value))) for sid, name, value in book.stored.signed_out]:
        try:
            answer = yield ask
        except httpx.RequestError:
            return
        # 409: the cookie is of another session; no later attempt could say anything else.
        if answer.status in (204, 409):
            yield from locked(book, partial(_confirm, book, sid))


def _untold(book: Book, sid: str, cookie: tuple[str, str]) -> Ask:
    return Ask(f"{book.url}/logout", headers={**CLIENT, "Gatepass-Session": sid}, cookie=cookie, timeout=book.timeout)


def _confirm(book: Book, sid: str) -> Flow[None]:
    yield Work(partial(book.confirm, sid))
