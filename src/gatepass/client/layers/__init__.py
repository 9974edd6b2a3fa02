"""The layers of a call, outermost first: loading, call_log, interceptors, error_handlers, retry, session."""
