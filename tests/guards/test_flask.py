"""Flask's idiom: init_app, configuration, async views, blueprints, the application's own error handlers."""

import pytest
from flask import Blueprint, Flask, Response

from gatepass.errors import ConfigurationError, InvalidCredentials, Problem
from gatepass.gate import Gatepass
from gatepass.guards.flask import Denied, GatepassFlask, current_principal, optional_principal, requires
from tests.support.browser import ORIGIN
from tests.support.gates import SECRET, GateHarness

CREDENTIALS = {"email": "ann@example.com", "password": "seven green bottles on a wall"}


@pytest.fixture
def gate():  # type: ignore[no-untyped-def]
    made = GateHarness().gate
    yield made
    made.background.stop()


def make(gate: Gatepass) -> Flask:
    app = Flask(__name__)
    GatepassFlask(app, gate)

    @app.get("/me")
    @requires()
    def me() -> dict[str, str]:
        return {"account": current_principal().account_id}

    return app


def sign_up(app: Flask) -> dict[str, str]:
    """The Authorization header of a new account, through the mounted endpoints."""
    answer = app.test_client().post("/auth/register", json=CREDENTIALS, headers={"Gatepass-Client": "1"})
    assert answer.status_code == 201
    return {"Authorization": f"Bearer {answer.get_json()['access_token']}"}


def test_sign_up_call_sign_out_and_be_refused_at_once(gate: Gatepass) -> None:
    app = make(gate)
    bearer = sign_up(app)
    client = app.test_client()
    assert client.get("/me", headers=bearer).status_code == 200
    assert client.post("/auth/logout", headers={**bearer, "Gatepass-Client": "1"}).status_code == 204
    assert client.get("/me", headers=bearer).status_code == 401


def test_one_extension_guards_an_application_that_is_made_later(gate: Gatepass) -> None:
    extension = GatepassFlask(gate=gate, auth="/session")
    app = Flask(__name__)
    extension.init_app(app)
    assert app.extensions["gatepass"] is gate
    assert app.test_client().get("/session/jwks.json").status_code == 200
    assert app.test_client().get("/auth/jwks.json").status_code == 404


def test_the_endpoints_can_be_left_out(gate: Gatepass) -> None:
    app = Flask(__name__)
    GatepassFlask(app, gate, auth=None)
    assert app.test_client().get("/auth/jwks.json").status_code == 404


def test_the_gate_is_made_of_the_configuration() -> None:
    app = Flask(__name__)
    app.config["GATEPASS"] = {"SECRETS": [SECRET], "PUBLIC_URL": ORIGIN, "STORE": "memory://"}
    GatepassFlask(app)
    assert repr(app.extensions["gatepass"]) == f"Gatepass({ORIGIN})"


def test_without_any_it_is_made_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPASS_SECRET", SECRET)
    monkeypatch.setenv("GATEPASS_PUBLIC_URL", "https://env.example")
    app = Flask(__name__)
    GatepassFlask(app)
    assert repr(app.extensions["gatepass"]) == "Gatepass(https://env.example)"


def test_an_application_is_guarded_once(gate: Gatepass) -> None:
    app = make(gate)
    with pytest.raises(ConfigurationError, match="already"):
        GatepassFlask(app, gate)


def test_an_unguarded_application_is_told_what_to_do() -> None:
    app = Flask(__name__)
    with app.test_request_context("/"), pytest.raises(ConfigurationError, match="GatepassFlask"):
        optional_principal()


class TestHandlersOfTheApplication:
    def test_one_for_the_status_wins(self, gate: Gatepass) -> None:
        app = make(gate)

        @app.errorhandler(401)
        def mine(denied: Exception) -> tuple[str, int]:
            assert isinstance(denied, Denied)
            return denied.problem.code, 401

        assert app.test_client().get("/me").get_data(as_text=True) == "token-required"

    def test_one_of_a_blueprint_wins_there(self, gate: Gatepass) -> None:
        app = make(gate)
        pages = Blueprint("pages", __name__)
        pages.register_error_handler(Denied, lambda denied: ("page", 403))

        @pages.get("/page")
        @requires("x")
        def page() -> str:
            return "seen"

        app.register_blueprint(pages)
        assert app.test_client().get("/page").get_data(as_text=True) == "page"
        assert app.test_client().get("/me").mimetype == "application/problem+json"

    @pytest.mark.parametrize("is_early", [True, False])
    def test_one_for_problems_wins_whenever_it_was_registered(self, gate: Gatepass, is_early: bool) -> None:
        app = Flask(__name__)

        def mine(problem: Problem) -> Response:
            return Response("mine", 418)

        if is_early:
            app.register_error_handler(Problem, mine)
        GatepassFlask(app, gate)
        if not is_early:
            app.register_error_handler(Problem, mine)

        @app.get("/raise")
        def fail() -> str:
            raise InvalidCredentials

        assert app.test_client().get("/raise").status_code == 418

    def test_without_any_a_problem_that_a_view_raises_is_its_document(self, gate: Gatepass) -> None:
        app = make(gate)

        @app.get("/raise")
        def fail() -> str:
            raise InvalidCredentials

        answer = app.test_client().get("/raise")
        assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-credentials")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_async_view_is_left_to_flask_to_run(gate: Gatepass, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make(gate)
    ran: list[str] = []

    @requires()
    async def view() -> str:
        return "never awaited here"

    def ensure_sync(function: object) -> object:
        ran.append(getattr(function, "__name__", ""))
        return lambda: "run"

    bearer = sign_up(app)
    app.add_url_rule("/async", view_func=view)
    monkeypatch.setattr(app, "ensure_sync", lambda found: ensure_sync(found) if found is view.__wrapped__ else found)  # type: ignore[attr-defined]
    assert app.test_client().get("/async", headers=bearer).get_data(as_text=True) == "run"
    assert ran == ["view"]
    assert app.test_client().get("/async").status_code == 401
