"""Flask-JWT-Extended with the blocklist in a database that its documentation shows: a used refresh token goes there."""

import os
from datetime import UTC, datetime

from flask import Flask, jsonify, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    get_jwt,
    get_jwt_identity,
    jwt_required,
)
from flask_sqlalchemy import SQLAlchemy
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config["JWT_SECRET_KEY"] = os.environ["SECRET"]
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
jwt = JWTManager(app)
db = SQLAlchemy(app)
users = {os.environ["EMAIL"]: generate_password_hash(os.environ["PASSWORD"])}


class TokenBlocklist(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    jti = db.Column(db.String(36), nullable=False, index=True)
    created_at = db.Column(db.DateTime, nullable=False)


with app.app_context():
    db.create_all()


@jwt.token_in_blocklist_loader
def is_revoked(_header, payload):
    return db.session.query(TokenBlocklist.id).filter_by(jti=payload["jti"]).scalar() is not None


def tokens(identity):
    return jsonify(access=create_access_token(identity), refresh=create_refresh_token(identity))


@app.post("/login")
def login():
    if not check_password_hash(users[request.json["email"]], request.json["password"]):
        return jsonify(msg="Bad email or password"), 401
    return tokens(request.json["email"])


@app.post("/refresh")
@jwt_required(refresh=True)
def refresh():
    db.session.add(TokenBlocklist(jti=get_jwt()["jti"], created_at=datetime.now(UTC)))
    db.session.commit()
    return tokens(get_jwt_identity())


@app.get("/me")
@jwt_required()
def me():
    return jsonify(email=get_jwt_identity())
