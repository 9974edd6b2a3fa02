"""A notes application: FastAPI, with sessions by Gatepass."""
