"""Chooses the HTTP library: httpx2, or httpx 0.28 if httpx2 is not installed. All other files import `httpx` from here.

httpx2 is the continuation of httpx by its users' largest projects; both have the same names. `sys.modules` is not
touched: a library must not change what its user's `import httpx` means.
"""

try:
    import httpx2 as httpx
except ImportError:
    try:
        import httpx  # type: ignore[no-redef]
    except ImportError:
        raise ImportError("The client needs its extra: pip install 'gatepass[client]'") from None

__all__ = ["httpx"]
