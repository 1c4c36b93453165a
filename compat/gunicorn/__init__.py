"""The name `gunicorn` for licorne: each module below it is the licorne module of that name."""

from importlib import import_module

from licorne import aliases

aliases.Finder.by_package = True
aliases.install()
# From here on, the name is found by licorne's finder: what it makes takes this module's place.
import_module(__name__)
