"""The auth endpoints as one ASGI application, hand-written: a dozen fixed routes need no framework.

A mountable library that brought a framework would lock its host to that version, and the framework's request
path alone would cost as much as a whole refresh (benchmarks/).
"""
