"""A FastAPI application over an older table of people, as external users: SQLAlchemy, with bcrypt hashes.

Run it: gatepass init && uvicorn app:app
"""

import bcrypt
from fastapi import FastAPI
from sqlalchemy import Engine, String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from gatepass import AuthenticatedUser, Gatepass, RequestFacts
from gatepass.guards.fastapi import CurrentPrincipal

UNKNOWN = bcrypt.hashpw(b"nobody's password", bcrypt.gensalt())
"""Compared where there is no such person: the answer must take as long."""


class Base(DeclarativeBase):
    """Your models."""


class Person(Base):
    """Your table, as it is."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)


class People:
    """Verifies credentials by that table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def authenticate(self, email: str, password: str, _request: RequestFacts) -> AuthenticatedUser | None:
        """A plain method runs on a thread: the driver and bcrypt block."""
        with Session(self._engine) as session:
            person = session.scalar(select(Person).where(Person.email == email.lower()))
        usable = person if person is not None and person.is_active else None
        stored = usable.password.encode() if usable else UNKNOWN
        if not bcrypt.checkpw(password.encode()[:72], stored) or usable is None:
            return None
        return AuthenticatedUser(str(usable.id), usable.email, version=usable.password)

    def find(self, user_id: str) -> AuthenticatedUser | None:
        """For `gate.sign_in`: a person who was authenticated in another way."""
        with Session(self._engine) as session:
            person = session.get(Person, int(user_id))
        if person is None or not person.is_active:
            return None
        return AuthenticatedUser(user_id, person.email, version=person.password)


engine = create_engine("sqlite:///people.db")
gate = Gatepass.from_env(users=People(engine))
app = FastAPI(lifespan=gate.lifespan)
app.mount("/auth", gate.asgi)


@app.get("/me")
def me(principal: CurrentPrincipal) -> dict[str, str]:
    """Who is calling: the primary key of the table."""
    return {"account": principal.account_id}
