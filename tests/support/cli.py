"""A password and the settings with which the tests type commands."""

from tests.support.gates import SECRET

GOOD = "seven green bottles on a wall"
SETTINGS = {"SECRET": SECRET, "STORE": "sqlite:///gate.db"}
