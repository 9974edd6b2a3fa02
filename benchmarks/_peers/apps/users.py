"""fastapi-users with its database strategy. It has no refresh: a route writes a new token and destroys the old one."""

import os
import uuid
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport
from fastapi_users.authentication.strategy.db import DatabaseStrategy
from fastapi_users_db_sqlalchemy import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users_db_sqlalchemy.access_token import (
    SQLAlchemyAccessTokenDatabase,
    SQLAlchemyBaseAccessTokenTableUUID,
)
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:"), pool_size=16)
new_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class AccessToken(SQLAlchemyBaseAccessTokenTableUUID, Base):
    pass


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    pass


async def session():
    async with new_session() as opened:
        yield opened


async def user_manager(opened=Depends(session)):
    yield UserManager(SQLAlchemyUserDatabase(opened, User))


def strategy(opened=Depends(session)):
    return DatabaseStrategy(SQLAlchemyAccessTokenDatabase(opened, AccessToken), lifetime_seconds=3600)


backend = AuthenticationBackend("database", BearerTransport("login"), strategy)
fastapi_users = FastAPIUsers[User, uuid.UUID](user_manager, [backend])


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with new_session() as opened:
        manager = UserManager(SQLAlchemyUserDatabase(opened, User))
        await manager.create(schemas.BaseUserCreate(email=os.environ["EMAIL"], password=os.environ["PASSWORD"]))
    yield


app = FastAPI(lifespan=lifespan)
app.include_router(fastapi_users.get_auth_router(backend))


@app.post("/refresh")
async def refresh(
    user_and_token=Depends(fastapi_users.authenticator.current_user_token(active=True)), strategy=Depends(strategy)
):
    user, token = user_and_token
    await strategy.destroy_token(token, user)
    return await backend.login(strategy, user)


@app.get("/me")
async def me(user=Depends(fastapi_users.current_user(active=True))):
    return {"email": user.email}
