"""For the tests of applications and of stores.

battery    the contract of a store as tests; `records` makes what they put into it
machine    a Hypothesis machine that compares any store with the reference
clock      time and randomness that a test holds in its hand
hashing    a password hasher that costs nothing
faults     a proxy that loses requests and answers

`gatepass.testing.battery` and `gatepass.testing.machine` are imported by name: they need pytest and Hypothesis
(`pip install 'gatepass[testing]'`), which the rest does without.
"""

from gatepass.testing.clock import ManualClock, PredictableEntropy
from gatepass.testing.faults import FaultProxy
from gatepass.testing.hashing import FastHasher

__all__ = ["FastHasher", "FaultProxy", "ManualClock", "PredictableEntropy"]
