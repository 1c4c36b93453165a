"""The command of manage.py that gunicorn once had (`licorne.apps`)."""
