"""What gunicorn's parser raises, by its names, for workers and applications that catch it.

The engine refuses peers by its own table and raises none of these.
"""

from __future__ import annotations


class ParseException(Exception):  # noqa: N818 - gunicorn's name
    """A request that cannot be understood."""


class NoMoreData(OSError):  # noqa: N818 - gunicorn's name
    """The peer has ended the connection inside a request."""

    def __init__(self, buf: bytes | None = None) -> None:
        super().__init__(buf)
        self.buf = buf

    def __str__(self) -> str:
        return f"No more data after: {self.buf!r}"


def _refusal(name: str, code: int) -> type[ParseException]:
    members = {"code": code, "__doc__": f"A request that is answered with {code}."}
    return type(name, (ParseException,), {**members, "__module__": __name__})


ConfigurationProblem = _refusal("ConfigurationProblem", 500)
InvalidRequestLine = _refusal("InvalidRequestLine", 400)
InvalidRequestMethod = _refusal("InvalidRequestMethod", 400)
ExpectationFailed = _refusal("ExpectationFailed", 417)
InvalidHTTPVersion = _refusal("InvalidHTTPVersion", 400)
InvalidHeader = _refusal("InvalidHeader", 400)
ObsoleteFolding = _refusal("ObsoleteFolding", 400)
InvalidHeaderName = _refusal("InvalidHeaderName", 400)
UnsupportedTransferCoding = _refusal("UnsupportedTransferCoding", 501)
InvalidChunkSize = _refusal("InvalidChunkSize", 400)
ChunkMissingTerminator = _refusal("ChunkMissingTerminator", 400)
InvalidChunkExtension = _refusal("InvalidChunkExtension", 400)
LimitRequestLine = _refusal("LimitRequestLine", 414)
LimitRequestHeaders = _refusal("LimitRequestHeaders", 431)
InvalidProxyLine = _refusal("InvalidProxyLine", 400)
InvalidProxyHeader = _refusal("InvalidProxyHeader", 400)
ForbiddenProxyRequest = _refusal("ForbiddenProxyRequest", 403)
InvalidSchemeHeaders = _refusal("InvalidSchemeHeaders", 400)
