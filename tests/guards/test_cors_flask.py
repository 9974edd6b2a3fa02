"""Flask-CORS around the endpoints and the views, set up before and after the extension (C4, C5)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import werkzeug.test
from flask import Blueprint, Flask
from flask_cors import CORS, cross_origin

from gatepass.gate import Gatepass
from gatepass.guards.flask import GatepassFlask, current_principal, requires
from gatepass.wire.origin import CORS_EXPOSED
from tests.guards.test_cors import BODY, PAGE, Ask, assert_page_signs_in, gate_for_page, preflight

BY_GUIDE: dict[str, Any] = {"origins": [PAGE], "expose_headers": list(CORS_EXPOSED)}
Order = Callable[[Flask, Gatepass, dict[str, Any]], None]


@pytest.fixture
def gate() -> Iterator[Gatepass]:
    made = gate_for_page()
    yield made
    made.background.stop()


def cors_first(app: Flask, gate: Gatepass, cors: dict[str, Any]) -> None:
    CORS(app, **cors)
    GatepassFlask(app, gate)


def guard_first(app: Flask, gate: Gatepass, cors: dict[str, Any]) -> None:
    GatepassFlask(app, gate)
    CORS(app, **cors)


orders = pytest.mark.parametrize("set_up", [cors_first, guard_first])


def over_flask(app: Flask) -> Ask:
    def ask(method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        body: dict[str, Any] = {"json": BODY} if path.endswith("register") and method == "POST" else {}
        answer = werkzeug.test.Client(app).open(path, method=method, headers=headers, **body)
        names = [name.lower() for name in answer.headers.keys() if name.lower().startswith("access-control")]  # noqa: SIM118
        assert len(names) == len(set(names))  # a browser refuses two of one
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}

    return ask


@orders
@pytest.mark.parametrize(
    "cors", [{}, BY_GUIDE, {**BY_GUIDE, "supports_credentials": True}, {"resources": {r"/api/*": {"origins": "*"}}}]
)
def test_whatever_it_allows_the_page_signs_in(gate: Gatepass, set_up: Order, cors: dict[str, Any]) -> None:
    """flask-cors#191, #284: the preflight of a sign-in lacks what credentials need."""
    app = Flask(__name__)
    set_up(app, gate, cors)
    assert_page_signs_in(over_flask(app))


def guarded() -> Flask:
    """Views as applications guard them: by decorator, by a hook, and with CORS of their own."""
    app = Flask(__name__)
    app.add_url_rule("/plain", view_func=requires()(lambda: "plain"), endpoint="plain")
    app.add_url_rule("/own", view_func=cross_origin(**BY_GUIDE)(requires()(lambda: "own")), endpoint="own")
    app.add_url_rule("/below", view_func=requires()(cross_origin(**BY_GUIDE)(lambda: "below")), endpoint="below")
    part = Blueprint("part", __name__)

    @part.before_request
    def everywhere() -> None:
        current_principal()

    @part.route("/hooked", methods=["GET", "OPTIONS"])
    def hooked() -> str:
        raise AssertionError("the hook keeps every request out")

    app.register_blueprint(part)
    return app


@orders
@pytest.mark.parametrize("path", ["/plain", "/own", "/below", "/hooked"])
def test_a_view_that_refuses_is_asked_first_and_its_refusal_can_be_read(
    gate: Gatepass, set_up: Order, path: str
) -> None:
    app = guarded()
    set_up(app, gate, BY_GUIDE)
    ask = over_flask(app)
    status, headers = ask("OPTIONS", path, {**preflight("authorization"), "Access-Control-Request-Method": "GET"})
    assert (status, headers["access-control-allow-origin"]) == (200, PAGE)
    assert headers["access-control-allow-headers"] == "authorization"
    status, headers = ask("GET", path, {"Origin": PAGE})
    assert (status, headers["access-control-allow-origin"], headers["www-authenticate"]) == (401, PAGE, "Bearer")
    assert headers["access-control-expose-headers"] == ", ".join(CORS_EXPOSED)
    status, _ = ask("OPTIONS", "/hooked", {})
    assert status == 401  # no preflight: an OPTIONS of a program
