"""A notes project: Django, with sessions by Gatepass."""
