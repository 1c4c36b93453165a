"""Each module here is a command of manage.py, by its name."""
