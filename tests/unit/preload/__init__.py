"""Preloading without a server."""
