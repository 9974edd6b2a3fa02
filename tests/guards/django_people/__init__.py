"""A Django application with a user model of its own: no user name, an e-mail address instead, and a UUID as its key."""
