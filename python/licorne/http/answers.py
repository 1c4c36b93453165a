"""What a program has put in the place of `gunicorn.http.wsgi.Response`, or of its methods.

The engine answers. It asks such a class for the fields that it adds: `start_response` and
`process_headers` make the headers of the application, `default_headers` the lines above them.
"""

from __future__ import annotations

from licorne.http import wsgi
from licorne.http.response import AS_MADE, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse

    from licorne.glogging import Logger
    from licorne.http.views import Request

#: Methods that are called.
CALLED = {"__init__", "start_response", "process_headers", "default_headers"}
#: Fields in `default_headers` that are the engine's own.
OF_ENGINE = {"server", "date", "connection", "transfer-encoding"}


class Answers:
    """Asks the class about each response."""

    def __init__(self, cls: type[Response]) -> None:
        self._cls = cls

    @classmethod
    def given(cls, log: Logger) -> Answers | None:
        """None: nothing was replaced, or no more than the server's name, which is asked for once.

        What cannot be done as asked is told.
        """
        found = in_force()
        if found is None:
            log.warning(
                "gunicorn.http.wsgi.Response was replaced by %r: not used, it is no subclass",
                wsgi.Response,
            )
            return None
        names = changed(found)
        if names - CALLED:
            log.warning(
                "gunicorn.http.wsgi.Response: %s of %s.%s never called, the engine writes the "
                "responses. Called are start_response, process_headers and default_headers.",
                ", ".join(sorted(names - CALLED)),
                found.__module__,
                found.__qualname__,
            )
        lines = _sample(found, "")
        if names & CALLED <= {"default_headers"} and lines is not None and not _added(lines):
            return None
        return cls(found)

    def starting(self, request: Request, start_response: StartResponse) -> StartResponse:
        """A `start_response` that adds the fields of the class."""
        response = self._cls(request, request.socket, request.cfg)

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
        ) -> object:
            response.start_response(status, headers, exc_info)
            fields = [*_added(response.default_headers()), *response.headers]
            return start_response(str(response.status), fields, exc_info)

        return start  # type: ignore[return-value]  # gunicorn's write, by keyword too


def in_force() -> type[Response] | None:
    """The class in use; None if it is no subclass of ours."""
    found: object = wsgi.Response
    return found if isinstance(found, type) and issubclass(found, Response) else None


def changed(cls: type[Response]) -> set[str]:
    """Methods of the class that are not as we made them."""
    return {name for name, method in AS_MADE.items() if getattr(cls, name) is not method}


def told_name(name: str) -> str:
    """What the Server field says when the server is called so; nothing: there is no such field.

    A widespread recipe hides the name by a function in the place of `Response.default_headers`.
    """
    cls = in_force()
    if cls is None or "default_headers" not in changed(cls):
        return name
    lines = _sample(cls, name)
    if lines is None:
        return name
    return next((value for field, value in _pairs(lines) if field.lower() == "server"), "")


def _sample(cls: type[Response], version: str) -> list[str] | None:
    """The lines of an answer without a request; None if the class needs one to say them."""
    sampled: type[Response] = type("Sample", (cls,), {"should_close": lambda _self: False})
    sample = sampled.__new__(sampled)
    sample.version, sample.status, sample.headers = version, "200 OK", []
    try:
        return sample.default_headers()
    except AttributeError:
        # It looks at what only a response to a request has, and is asked about each of them.
        return None


def _pairs(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Names and values of the fields behind the status line."""
    fields = "".join(lines).split("\r\n")[1:]
    pairs = (field.partition(":") for field in fields if field)
    return [(name, value.strip()) for name, _, value in pairs]


def _added(lines: Iterable[str]) -> list[tuple[str, str]]:
    return [pair for pair in _pairs(lines) if pair[0].lower() not in OF_ENGINE]
