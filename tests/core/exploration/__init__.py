"""Every reachable state of clients, network, store and thieves around the real table (PROTOCOL §1, §4).

Read in this order:

    names.py      tokens by name: the branch of an unbound one, the key of a bound one
    server.py     what the server does with one request: the real proven_key, decide and successor_of, and a row
    world.py      a state of the world, and how states that differ in no way that matters become one
    moves.py      what can happen next: clients, network, crashes, fail-overs, thieves
    promises.py   P1, P2, P3, P8 as checks of a state and of a step
    search.py     breadth first until nothing new is found; a broken promise comes with its shortest trace
    scenarios.py  which resources each exploration has
    mutants.py    wrong tables, wrong servers and wrong stores, each of which must be caught

No rule of the table stands here: every verdict comes from `gatepass.core`, with real HMACs.
"""
