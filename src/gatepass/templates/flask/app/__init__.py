"""A notes application: Flask, with sessions by Gatepass.

flask run --debug
"""

import os

from dotenv import load_dotenv
from flask import Flask, render_template
from gatepass import Gatepass
from gatepass.guards.flask import GatepassFlask

from app import notes
from app.store import Notes


def create_app(gate: Gatepass | None = None, store: Notes | None = None) -> Flask:
    """The application: auth endpoints under /auth, notes under /api, a page. Tests hand in a gate and a store."""
    load_dotenv()
    app = Flask(__name__)
    app.extensions["notes"] = store or Notes(os.environ.get("NOTES_DATABASE") or "notes.db")
    app.register_blueprint(notes.blueprint)
    GatepassFlask(app, gate)

    @app.get("/")
    def index() -> str:
        return render_template("index.html")

    return app
