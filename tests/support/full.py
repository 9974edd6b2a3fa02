"""Whether this run goes through everything: `python3 run.py test --full`, or GATEPASS_FULL=1 for pytest alone."""

import os

FULL = os.environ.get("GATEPASS_FULL") == "1"
"""What takes minutes has a short form, which keeps one example of each kind. Before a release all of it is run."""
