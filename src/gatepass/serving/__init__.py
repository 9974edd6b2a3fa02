"""`gatepass serve`: uvicorn, its worker processes and its HTTP parser. Only the command line and the demo use it."""
