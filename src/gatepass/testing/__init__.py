"""Parts for the tests of applications and of stores.

    gates      a gate in memory and a caller without a token, for the tests of an application
    battery    the contract of a store as tests; `records` makes the rows that they use
    machine    a Hypothesis machine that compares a store with the reference
    clock      time, randomness and password hashing that a test controls
    faults     a proxy that loses requests and answers

`gatepass.testing.battery` and `gatepass.testing.machine` must be imported by name, as they need pytest and Hypothesis:
`pip install 'gatepass[testing]'`. The rest needs neither.
"""

from gatepass.testing.clock import FastHasher, ManualClock, PredictableEntropy
from gatepass.testing.faults import FaultProxy
from gatepass.testing.gates import fake_principal, memory_gate

__all__ = ["FastHasher", "FaultProxy", "ManualClock", "PredictableEntropy", "fake_principal", "memory_gate"]
