"""Sessions and accounts in PostgreSQL, for any number of servers."""
