"""Notes of the people who are signed in, and a page without a build step.

Run it: gatepass init && flask run --port 8000
"""

import sqlite3

from flask import Flask, Response, g, jsonify, request

from gatepass import Gatepass
from gatepass.guards.flask import GatepassFlask, current_principal, requires

TABLE = "CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, account TEXT, text TEXT)"


def database() -> sqlite3.Connection:
    """The connection of this request."""
    if "db" not in g:
        g.db = sqlite3.connect("notes.db")
        g.db.execute(TABLE)
    connection: sqlite3.Connection = g.db
    return connection


def close_database(_fault: BaseException | None) -> None:
    """Close the connection of this request, if it has one."""
    if "db" in g:
        g.pop("db").close()


def create_app(gate: Gatepass | None = None) -> Flask:
    """The application. `gate`: another one than the settings describe, for tests."""
    app = Flask(__name__, static_folder="page", static_url_path="/page")
    GatepassFlask(app, gate)  # endpoints under /auth
    app.teardown_appcontext(close_database)

    @app.get("/")
    def index() -> Response:
        return app.send_static_file("index.html")

    @app.get("/api/notes")
    @requires()
    def list_notes() -> Response:
        rows = database().execute("SELECT id, text FROM note WHERE account = ?", (current_principal().account_id,))
        return jsonify([{"id": number, "text": text} for number, text in rows])

    @app.post("/api/notes")
    @requires()
    def add_note() -> tuple[dict[str, object], int]:
        text = str(request.get_json()["text"])
        with database() as db:  # commits
            row = db.execute("INSERT INTO note (account, text) VALUES (?, ?)", (current_principal().account_id, text))
        return {"id": row.lastrowid, "text": text}, 201

    return app
