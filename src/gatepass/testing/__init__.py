"""For the tests of applications and of stores.

battery    the contract of a store as tests; `records` makes what they put into it
machine    a Hypothesis machine that compares any store with the reference
clock      time and randomness that a test holds in its hand
hashing    a password hasher that costs nothing
faults     a proxy that loses requests and answers
"""
