"""The notes of each account."""
