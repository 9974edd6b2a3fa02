"""Other systems that keep sessions, each in its documented use, for `benchmarks/peers.py`.

`apps/` has the application of each: it runs in an environment of its own and imports packages that are not installed
here, so mypy leaves these files out.
"""
