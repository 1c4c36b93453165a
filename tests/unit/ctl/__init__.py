"""The control socket without a server."""
