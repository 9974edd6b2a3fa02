"""The rules of Gatepass, and nothing else.

No clock, no randomness, no await, no I/O in this folder: time and entropy are arguments. What is decided
here can be explored exhaustively (tests/core/test_exploration.py), and is decided nowhere else.
"""
