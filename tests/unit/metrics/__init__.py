"""Metrics and health checks, without a server."""
