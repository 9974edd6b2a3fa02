"""Sessions and accounts in memory: for tests, and for trying things out."""
