"""The Django app `licorne.django`: runserver on the engine, and the server as a command.

With it in INSTALLED_APPS, `manage.py runserver` is served by licorne's engine, and `manage.py
licorne` is the command `licorne` for this project (docs/django.md). Nothing else imports it.
"""
