"""epok-auth as its README shows it, in its settings for development: over http, and without the __Host- prefix."""

import os
from contextlib import asynccontextmanager

from epok_auth import AuthSettings, EpokAuth
from epok_auth.migrate import upgrade_database
from fastapi import FastAPI

settings = AuthSettings.development(
    database_url=os.environ["DATABASE_URL"],
    jwt_secret=os.environ["SECRET"],
    trusted_origins=(f"http://localhost:{os.environ['PORT']}",),
)
upgrade_database(os.environ["DATABASE_URL"])
auth = EpokAuth.postgres(settings=settings)


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with auth.lifespan(app):
        await auth.service.create_admin(
            email=os.environ["EMAIL"], display_name="Bench", password=os.environ["PASSWORD"]
        )
        yield


app = FastAPI(lifespan=lifespan)
auth.install(app, prefix="/auth")
