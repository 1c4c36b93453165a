"""gunicorn's module of the request class, for annotations and loggers that name it."""

from licorne.http.views import Request

__all__ = ["Request"]
