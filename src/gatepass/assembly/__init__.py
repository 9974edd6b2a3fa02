"""Joins the parts of one gate, once, in a stated order.

    store and signing keys → sessions → accounts and mail → endpoints → lifecycle and applications
    sessions.py                         accounts.py         endpoints.py parts.py

Each class takes what the one before it made, from which it inherits.
"""
