"""The life of one gate: opening and closing, background tasks, events."""
