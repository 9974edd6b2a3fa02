"""One declaration for each endpoint, beside its function in `endpoints/`.

    Endpoint("POST", "/login", login, name="signIn", body=Credentials, done={200: "SignIn"}, cross_site=True,
             problems={401: "invalid-credentials", 422: "password-too-long", 429: "too-many-attempts"})

`app` dispatches by it, and applies the cross-site check; `openapi` writes the document from it. What follows from a
declaration is written nowhere else: an endpoint that reads a body can answer 413, one that needs an access token can
answer 401.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from gatepass.core.hook_facts import HookKind
from gatepass.server.context import Context
from gatepass.server.http import Reply, Request

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Handler = Callable[[Context, Request], Awaitable[Reply]]
Answer = Literal[
    "Account",
    "Document",
    "EnrolledSignIn",
    "Events",
    "FactorRecovery",
    "Factors",
    "Grant",
    "Identities",
    "Jwks",
    "Links",
    "Location",
    "MailCode",
    "Me",
    "Page",
    "Passkey",
    "Passkeys",
    "RecoveryCodes",
    "Script",
    "Sessions",
    "SignIn",
    "Status",
    "Ticket",
    "TotpSecret",
]
PASSWORD_PROBLEMS = "password-too-short, password-too-long, password-blocklisted, password-contains-context"
"""The codes that refuse a new password."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one function answers, and what the server does around it.

    `path` is relative to the mount; `{sid}` in it is a path parameter: one segment, whatever it contains. The first
    line of the function's docstring is the summary in the OpenAPI document.
    """

    method: Method
    path: str
    handler: Handler
    _: KW_ONLY
    name: str
    """Generated clients call their methods by it, so a published name stays."""
    done: Mapping[int, Answer | None]
    """Status → what the body is; None for an empty one."""
    problems: Mapping[int, str] = field(default_factory=dict)
    """Status → codes of problem documents, those of this endpoint alone."""
    body: type[BaseModel] | None = None
    cross_site: bool = False
    """Reads or sets cookies, or needs no token: requests of other sites' pages are refused (PROTOCOL §6)."""
    by_browser: bool = False
    """Sent by the browser itself, without a header of ours, and for pages of the gate's own origin alone."""
    by_navigation: bool = False
    """A page that the browser opens, or that another site sends it to: a refusal is a page, too."""
    bearer: bool = False
    """Needs an access token, which no browser sends by itself."""
    recent: bool = False
    """Needs an access token and, where the policy asks for it, a recent sign-in (ASVS 7.5.2)."""
    proven: bool = False
    """Takes a Gatepass-Proof instead of Gatepass-Client (PROTOCOL §5)."""
    stateless: bool = False
    """Answers also while the gate cannot be opened."""
    form: Mapping[str, str] = field(default_factory=dict)
    """Members of a form (application/x-www-form-urlencoded) in place of a body in JSON → what they are."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the query → what they are; none is required."""
    media_type: str = "application/json"
    act: HookKind | None = None
    """The act that hooks of the application are asked about, and whose body they may add members to."""
    links: Mapping[str, Any] = field(default_factory=dict)
    """What a success says about the next request (OpenAPI 3.1 §4.8.20)."""
