"""The Django app, without Django's own machinery."""
