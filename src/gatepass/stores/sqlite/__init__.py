"""Sessions and accounts in one SQLite file, for one server process."""
