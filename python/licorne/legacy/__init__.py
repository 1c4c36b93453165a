"""Names of gunicorn's modules that the server itself has no use for; loaded when asked for."""
