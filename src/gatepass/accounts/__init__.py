"""Accounts: registration, passwords, addresses, failed sign-ins, and users that are kept elsewhere."""
