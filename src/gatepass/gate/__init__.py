"""Gatepass: the one object that an application holds.

    gate = Gatepass.from_env()
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)

`gate` makes it of its options; `running` opens, closes and guards; `caller` is what it does for one person; `extending`
is what the application adds to it.
"""

from gatepass.gate.gate import Gatepass

__all__ = ["Gatepass"]
