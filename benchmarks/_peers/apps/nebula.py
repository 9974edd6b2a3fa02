"""nebula-token behind FastAPI. Its engine is synchronous: a refresh is one transaction in a thread of FastAPI's."""

import os
import time
from dataclasses import astuple, fields
from typing import Annotated

import jwt
from argon2 import PasswordHasher
from fastapi import Cookie, FastAPI, Header, HTTPException, Response
from nebula_token import NebulaEngine, TokenRecord
from psycopg import Connection
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool
from pydantic import BaseModel

SECRET = os.environ["SECRET"]
COLUMNS = ", ".join(field.name for field in fields(TokenRecord))
PLACES = ", ".join("%s" for _ in fields(TokenRecord))
SCHEMA = """
CREATE TABLE token (
    selector text PRIMARY KEY, verifier_hash text NOT NULL, kid text NOT NULL, family_id text NOT NULL,
    generation int NOT NULL, user_id text NOT NULL, device_id_hash text, created_at bigint NOT NULL,
    family_expires_at bigint NOT NULL, idle_expires_at bigint NOT NULL, status text NOT NULL, rotated_at bigint,
    replaced_by_selector text);
CREATE INDEX ON token (family_id)
"""
hasher = PasswordHasher()
users = {os.environ["EMAIL"]: hasher.hash(os.environ["PASSWORD"])}
pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=16, max_size=16, open=True)
with pool.connection() as first:
    first.execute(SCHEMA)
app = FastAPI()


class Store:
    """The six methods of its contract, on the transaction of one request."""

    def __init__(self, connection: Connection):
        self.connection = connection

    def find_by_selector(self, selector):
        cursor = self.connection.cursor(row_factory=class_row(TokenRecord))
        return cursor.execute(f"SELECT {COLUMNS} FROM token WHERE selector = %s", [selector]).fetchone()

    def insert(self, record):
        self.connection.execute(f"INSERT INTO token ({COLUMNS}) VALUES ({PLACES})", astuple(record))

    def mark_rotated(self, selector, from_status, rotated_at, replaced_by_selector):
        return self._changes(
            "status = 'rotated', rotated_at = %s, replaced_by_selector = %s WHERE selector = %s AND status = %s",
            (rotated_at, replaced_by_selector, selector, from_status),
        ) == 1  # fmt: skip

    def revoke_if_active(self, selector):
        return self._changes("status = 'revoked' WHERE selector = %s AND status = 'active'", [selector]) == 1

    def revoke_family(self, family_id):
        return self._changes("status = 'revoked' WHERE family_id = %s AND status <> 'revoked'", [family_id])

    def revoke_user(self, user_id):
        return self._changes("status = 'revoked' WHERE user_id = %s AND status <> 'revoked'", [user_id])

    def _changes(self, change, values):
        return self.connection.execute(f"UPDATE token SET {change}", values).rowcount


def engine(connection):
    return NebulaEngine(peppers={"k1": SECRET}, active_kid="k1", store=Store(connection))


def answer(response: Response, issued):
    response.set_cookie("refresh", issued.token, path="/refresh", httponly=True, samesite="strict")
    now = int(time.time())
    return {"access": jwt.encode({"sub": issued.user_id, "iat": now, "exp": now + 600}, SECRET, "HS256")}


class Login(BaseModel):
    email: str
    password: str


@app.post("/login")
def login(body: Login, response: Response):
    hasher.verify(users[body.email], body.password)
    with pool.connection() as connection:
        return answer(response, engine(connection).issue(body.email))


@app.post("/refresh")
def refresh(response: Response, refresh: Annotated[str, Cookie()]):
    with pool.connection() as connection:
        result = engine(connection).refresh(refresh)
    if not result.ok:
        raise HTTPException(401, result.error)
    return answer(response, result)


@app.get("/me")
def me(authorization: Annotated[str, Header()]):
    return jwt.decode(authorization.removeprefix("Bearer "), SECRET, ["HS256"])
