"""The services of a gate, called from wherever an application runs: another event loop, or none at all.

A gate that is open belongs to one event loop (`runtime/lifecycle.py`): that of an ASGI server, or that of its own
thread in a process without one. A call from elsewhere is handed to that loop, and its caller waits for the result.

    await gate.sessions.revoke_all(account_id, reason="revoked")     on any event loop      AnyLoop
    gate.sync.sessions.revoke_all(account_id, reason="revoked")      without one            Sync
    gate.sync.sign_in(request, account_id, methods=("fed",))

The methods of `Sync` are those of the services, with the same arguments and results. Each is named once
(`services.py`), and mypy takes its types from the service; what is not named can be called as `gate.sync(method, …)`.
"""
