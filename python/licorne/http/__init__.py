"""What hooks and loggers see of a request and its response; the bytes are the engine's."""

from licorne.http.views import Request, Response

__all__ = ["Request", "Response"]
