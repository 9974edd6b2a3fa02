"""better-auth-server, the port of better-auth to Python, as its README shows it; every request extends the session."""

import os
from contextlib import asynccontextmanager

from better_auth import BetterAuth, EmailAndPassword, RateLimit, SessionOptions
from better_auth.adapters.sqlalchemy import SQLAlchemyAdapter
from better_auth.integrations.fastapi import BetterAuthFastAPI
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:"), pool_size=16)
adapter = SQLAlchemyAdapter(engine)
auth = BetterAuth(
    secret=os.environ["SECRET"],
    base_url=f"http://localhost:{os.environ['PORT']}",
    adapter=adapter,
    email_and_password=EmailAndPassword(enabled=True),
    session=SessionOptions(update_age=0),
    rate_limit=RateLimit(enabled=False),
)


@asynccontextmanager
async def lifespan(app: FastAPI):
    await adapter.create_tables()
    yield


app = FastAPI(lifespan=lifespan)
app.include_router(BetterAuthFastAPI(auth).router)
