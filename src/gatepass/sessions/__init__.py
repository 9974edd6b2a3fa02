"""Sessions: sign in, refresh, revoke, list; the tokens they are answered with, and the keys that sign them."""
