"""Whether tests that take minutes run in full: GATEPASS_FULL=1."""

import os

FULL = os.environ.get("GATEPASS_FULL") == "1"
