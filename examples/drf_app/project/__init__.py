"""A minimal project with Django REST framework; README.md says how to start it."""
