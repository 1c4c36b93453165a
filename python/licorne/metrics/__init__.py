"""Metrics and health checks of the whole server, served by the master's own loop."""
