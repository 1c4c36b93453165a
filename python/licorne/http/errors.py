"""What gunicorn's parser raises, by its names, with its arguments and messages.

Requests of the engine's own workers raise none of these: they are answered by the engine. Code
that reads requests by `RequestParser` gets them, by the table below.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne._engine import Refusal


class ParseException(Exception):  # noqa: N818 - gunicorn's name
    """A request that cannot be understood."""

    #: The status that the peer gets.
    code = 400
    #: The names that the arguments have as attributes, and the message with the first of them.
    names: tuple[str, ...] = ()
    text = "%s"

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args)
        self.__dict__.update(dict.fromkeys(self.names))
        self.__dict__.update(zip(self.names, args, strict=False))
        self.__dict__.update(named)

    def __str__(self) -> str:
        if not self.names:
            return self.text
        return self.text % (getattr(self, self.names[0]),)


class NoMoreData(OSError):  # noqa: N818 - gunicorn's name
    """The peer has ended the connection inside a request."""

    def __init__(self, buf: bytes | None = None) -> None:
        super().__init__(buf)
        self.buf = buf

    def __str__(self) -> str:
        return f"No more data after: {self.buf!r}"


def _refusal(
    name: str, code: int, text: str, *names: str, base: type[ParseException] = ParseException
) -> type[ParseException]:
    doc = f"A request that is answered with {code}."
    members = {"code": code, "text": text, "names": names, "__doc__": doc}
    return type(name, (base,), {**members, "__module__": __name__})


# fmt: off
ConfigurationProblem = _refusal("ConfigurationProblem", 500, "Configuration problem: %s", "info")
InvalidRequestLine = _refusal("InvalidRequestLine", 400, "Invalid HTTP request line: %r", "req")
InvalidRequestMethod = _refusal("InvalidRequestMethod", 400, "Invalid HTTP method: %r", "method")
ExpectationFailed = _refusal(
    "ExpectationFailed", 417, "Unable to comply with expectation: %r", "expect")
InvalidHTTPVersion = _refusal("InvalidHTTPVersion", 400, "Invalid HTTP Version: %r", "version")
InvalidHeader = _refusal("InvalidHeader", 400, "Invalid HTTP Header: %r", "hdr", "req")
ObsoleteFolding = _refusal(
    "ObsoleteFolding", 400, "Obsolete line folding is unacceptable: %r", "hdr")
InvalidHeaderName = _refusal("InvalidHeaderName", 400, "Invalid HTTP header name: %r", "hdr")
InvalidResponseHeader = _refusal(
    "InvalidResponseHeader", 500, "Invalid response header from the application: %s", "hdr", "req",
    base=InvalidHeader)
InvalidResponseHeaderName = _refusal(
    "InvalidResponseHeaderName", 500, "Invalid response header name from the application: %s",
    "hdr", base=InvalidHeaderName)
UnsupportedTransferCoding = _refusal(
    "UnsupportedTransferCoding", 501, "Unsupported transfer coding: %r", "hdr")
InvalidChunkSize = _refusal("InvalidChunkSize", 400, "Invalid chunk size: %r", "data")
ChunkMissingTerminator = _refusal(
    "ChunkMissingTerminator", 400, "Invalid chunk terminator is not '\\r\\n': %r", "term")
InvalidChunkExtension = _refusal(
    "InvalidChunkExtension", 400, "Invalid chunk extension: %s", "reason")
LimitRequestHeaders = _refusal("LimitRequestHeaders", 431, "%s", "msg")
InvalidProxyLine = _refusal("InvalidProxyLine", 400, "Invalid PROXY line: %r", "line")
InvalidProxyHeader = _refusal("InvalidProxyHeader", 400, "Invalid PROXY header: %s", "msg")
ForbiddenProxyRequest = _refusal(
    "ForbiddenProxyRequest", 403, "Proxy request from %r not allowed", "host")
InvalidSchemeHeaders = _refusal("InvalidSchemeHeaders", 400, "Contradictory scheme headers")
InvalidH2CPreface = _refusal(
    "InvalidH2CPreface", 400, "Expected HTTP/2 connection preface, got %r", "data")
# Not gunicorn's: the settings `permit_connect` and `limit_request_body` are licorne's.
MethodNotServed = _refusal(
    "MethodNotServed", 501, "%s", "method", base=InvalidRequestMethod)
LimitRequestBody = _refusal("LimitRequestBody", 413, "%s", "msg")
# fmt: on


class LimitRequestLine(ParseException):
    """A request line over its limit."""

    code = 414
    names = ("size", "max_size")

    def __str__(self) -> str:
        size, most = self.args[0], self.args[1] if len(self.args) > 1 else None
        return str(size) if most is None else f"Request Line is too large ({size} > {most})"


#: What is raised for each refusal of the engine's parser.
BY_REFUSAL: dict[str, type[ParseException | NoMoreData]] = {
    "BareLineFeed": InvalidHeader,
    "BareCarriageReturn": InvalidHeader,
    "TlsHandshake": InvalidRequestLine,
    "MissingProxyHeader": InvalidProxyHeader,
    "ForbiddenProxyHeader": ForbiddenProxyRequest,
    "InvalidProxyHeader": InvalidProxyHeader,
    "RequestLineTooLong": LimitRequestLine,
    "InvalidRequestLine": InvalidRequestLine,
    "InvalidMethod": InvalidRequestMethod,
    "ConnectNotPermitted": MethodNotServed,
    "InvalidTarget": InvalidRequestLine,
    "InvalidVersion": InvalidHTTPVersion,
    "InvalidHeader": InvalidHeader,
    "InvalidHeaderName": InvalidHeaderName,
    "InvalidHeaderValue": InvalidHeader,
    "SpaceBeforeColon": InvalidHeaderName,
    "ObsoleteFolding": ObsoleteFolding,
    "AmbiguousHeaderName": InvalidHeaderName,
    "TooManyFields": LimitRequestHeaders,
    "FieldTooLarge": LimitRequestHeaders,
    "MissingHost": InvalidHeader,
    "RepeatedHost": InvalidHeader,
    "InvalidHost": InvalidHeader,
    "RepeatedContentType": InvalidHeader,
    "InvalidContentLength": InvalidHeader,
    "RepeatedContentLength": InvalidHeader,
    "LengthAndTransferEncoding": InvalidHeader,
    "TransferEncodingOnHttp10": InvalidHeader,
    "InvalidTransferEncoding": InvalidHeader,
    "UnsupportedTransferCoding": UnsupportedTransferCoding,
    "UnsupportedExpectation": ExpectationFailed,
    "ContradictoryScheme": InvalidSchemeHeaders,
    "InvalidForwarded": InvalidHeader,
    "ContentTooLarge": LimitRequestBody,
    "InvalidChunkSize": InvalidChunkSize,
    "InvalidChunkExtension": InvalidChunkExtension,
    "ChunkExtensionTooLarge": InvalidChunkExtension,
    "InvalidChunkEnd": ChunkMissingTerminator,
    "IncompleteHead": NoMoreData,
    "IncompleteBody": NoMoreData,
}


def of(refusal: Refusal, rest: bytes = b"") -> ParseException | NoMoreData:
    """The exception for a refusal; what the peer has sent is never repeated in its message."""
    kind = BY_REFUSAL[refusal.name]
    return kind(rest) if issubclass(kind, NoMoreData) else kind(refusal.message)
