"""A Flask application with sessions.

Run it: gatepass init && flask run --port 8000
"""

from flask import Flask

from gatepass.guards.flask import GatepassFlask, current_principal, requires

app = Flask(__name__)
GatepassFlask(app)


@app.get("/me")
@requires()
def me() -> dict[str, str]:
    """Who is calling."""
    return {"account": current_principal().account_id}
