"""The runtime of one gate: opening and closing, background tasks, events."""
