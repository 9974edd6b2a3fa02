"""The names of the cookies over https, apart from `cookies`: a client needs the names and none of the cryptography."""

HOST_NAME = "__Host-Http-gatepass"
SECURE_NAME = "__Secure-gatepass"
STATE_NAME = "__Host-gatepass_state"
