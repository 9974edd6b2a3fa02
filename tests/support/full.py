"""Whether tests that take minutes run whole: GATEPASS_FULL=1. Otherwise each runs a short form of itself."""

import os

FULL: bool = os.environ.get("GATEPASS_FULL") == "1"
