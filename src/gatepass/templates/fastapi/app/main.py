"""The application: sign-in and sessions under /auth, the notes under /api.

uvicorn app.main:create_app --factory --reload
"""

import os

from dotenv import load_dotenv
from fastapi import FastAPI
from gatepass import Gatepass

from app import notes
from app.store import Notes


def create_app(gate: Gatepass | None = None, store: Notes | None = None) -> FastAPI:
    """The application; tests hand in a gate and a store of their own."""
    load_dotenv()
    gate = gate or Gatepass.from_env()
    app = FastAPI(title="Notes", lifespan=gate.lifespan)
    app.state.notes = store or Notes(os.environ.get("NOTES_DATABASE") or "notes.db")
    app.mount("/auth", gate.asgi)
    app.include_router(notes.router)
    return app
