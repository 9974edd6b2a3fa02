"""The cookies that the endpoints set and read: of a session, of a device, of an errand at a provider."""
