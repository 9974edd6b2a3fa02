"""Starts the services that tests and benchmarks use: PostgreSQL, Valkey, Chromium, proxies, free ports."""
