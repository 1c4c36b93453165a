"""A minimal Django project.

licorne --chdir examples/django_app -w 2 project.wsgi
"""
