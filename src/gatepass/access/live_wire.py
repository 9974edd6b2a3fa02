"""How a WebSocket and its guard talk about tokens, and with which codes sockets are closed (PROTOCOL §10).

    from the client   {"type": "gatepass", "access_token": "…"}                     the first message, or any later one
    from the guard    {"type": "gatepass", "session_id": "…", "expires_in": 900}    0: send a newer token now

Or the handshake brings the token: in an Authorization header, or as `Sec-WebSocket-Protocol: gatepass, <token>`.
"""

from typing import Any

from gatepass.core import strict_json
from gatepass.core.secret import Secret
from gatepass.errors import BodyTooLarge, InvalidToken, Problem, RevokedToken, TokenRequired, Unavailable
from gatepass.wire.asgi import Message, Scope

SUBPROTOCOL = "gatepass"
ENDED = 4403
"""The session has ended: no newer token of it will come."""
RUN_OUT = 4401
"""No token came, or it is not valid, or it ran out and no newer one came: come back with a newer one."""
POLICY = 1008
TOO_BIG = 1009
TRY_LATER = 1013
GONE = (OSError, RuntimeError)
"""What servers raise for a message to a client that has left, or after the close."""
MAX_TOKEN_MESSAGE = 16_384
"""Characters of a message that may bring a token. A token has at most 8,192."""


def is_of_the_close(error: BaseException) -> bool:
    """Whether an application whose WebSocket the guard has closed was ended by that alone, which is no fault of it.

    It was if it sent on (`live_socket.SocketClosed`); Starlette and its kin raise a WebSocketDisconnect then, and where
    it receives. Several tasks raise a group of them.
    """
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_of_the_close, error.exceptions))
    return type(error).__name__ in ("SocketClosed", "WebSocketDisconnect")


def code_of(problem: Problem) -> int:
    """The code with which a socket is closed because of a problem."""
    match problem:
        case RevokedToken():
            return ENDED
        case InvalidToken() | TokenRequired():
            return RUN_OUT
        case Unavailable():
            return TRY_LATER
        case BodyTooLarge():
            return TOO_BIG
        case _:
            return POLICY


def withhold_token(scope: Scope) -> Secret | None:
    """The token among the sub-protocols that a client offers. Takes it out of `scope`, in place."""
    offered = list(scope.get("subprotocols") or ())
    if SUBPROTOCOL not in offered:
        return None
    at = offered.index(SUBPROTOCOL)
    kept = offered[:at] + offered[at + 2 :]
    scope["subprotocols"] = kept
    name = b"sec-websocket-protocol"
    others = [pair for pair in scope["headers"] if pair[0] != name]
    scope["headers"] = [*others, (name, ", ".join(kept).encode("latin-1"))] if kept else others
    return Secret(offered[at + 1] if at + 1 < len(offered) else "")


def token_in(message: Message) -> Secret | None:
    """The token that a message brings to the guard; None for a message of the application."""
    text = message.get("text")
    if not isinstance(text, str) or len(text) > MAX_TOKEN_MESSAGE or '"gatepass"' not in text:
        return None
    try:
        facts = strict_json.load(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    if not isinstance(facts, dict) or facts.get("type") != SUBPROTOCOL:
        return None
    token = facts.get("access_token")
    return Secret(token if isinstance(token, str) else "")


def size_of(message: Message) -> int:
    """Characters or bytes of a message."""
    return len(message.get("text") or message.get("bytes") or "")


def answer_to(session_id: str, expires_in: int) -> Message:
    """What the guard says of the newest token that it has."""
    facts: dict[str, Any] = {"type": SUBPROTOCOL, "session_id": session_id, "expires_in": max(0, expires_in)}
    return {"type": "websocket.send", "text": strict_json.dump(facts).decode()}
