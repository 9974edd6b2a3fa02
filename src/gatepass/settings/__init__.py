"""GATEPASS_*: what an operator sets (docs/reference/settings.md). Nothing is read at import; all faults at once.

values      how a duration, a rate or a time is written
fields      every setting with its type and default
groups      the option groups that settings make, which hold the defaults and check themselves
faults      what a gate would refuse, in the words of the environment
settings    reading, and the arguments of Gatepass(...)
"""

from gatepass.settings.settings import ENV_FILE, Settings
from gatepass.settings.values import parse_duration, parse_max_age, parse_moment

__all__ = ["ENV_FILE", "Settings", "parse_duration", "parse_max_age", "parse_moment"]
