"""Sessions in one store, accounts in another."""
