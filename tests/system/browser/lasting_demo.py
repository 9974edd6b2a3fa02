"""`gatepass demo` with passes of a quarter of an hour: none runs out while a busy machine takes its time over a test.

python -m tests.system.browser.lasting_demo --port 8001
"""

import sys
from dataclasses import replace

from gatepass.cli import main
from gatepass.core.policy import MINUTE, Policy

if __name__ == "__main__":
    lasting = replace(Policy.demo(), access_ttl=15 * MINUTE)
    Policy.demo = classmethod(lambda _: lasting)  # type: ignore[method-assign, assignment]
    sys.exit(main(["demo", *sys.argv[1:]]))
