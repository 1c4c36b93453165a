"""Names that only programs written for gunicorn use."""
