"""The door of the application: it signs people in by its own way, in a request of any framework."""
