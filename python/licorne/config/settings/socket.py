"""Where the server listens, and how large a request head may be."""

from __future__ import annotations

from licorne.config import convert
from licorne.config.option import Section, option


class ServerSocket(Section):
    """Server socket"""

    bind: list[str] = option(
        "-b", "--bind",
        default=["127.0.0.1:8000"], env="PORT", env_form="0.0.0.0:{}",
        metavar="ADDRESS", reload="rebind",
        doc="""Where to listen; may be given several times.

        `HOST`, `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH`, `unix:@NAME` (abstract) or `fd://N`. The
        default port is 8000.
        When PORT is in the environment, the default is `0.0.0.0:$PORT`.
        """,
    )  # fmt: skip
    backlog: int = option(
        "--backlog",
        default=2048,
        reload="rebind",
        doc="""Most connections that may wait to be accepted.

        The kernel caps it at `net.core.somaxconn`. A socket that already listens keeps its own.
        """,
    )
    reuse_port: bool = option(
        "--reuse-port",
        default=False,
        reload="restart",
        doc="Let each worker bind its own socket with SO_REUSEPORT.",
    )


class Security(Section):
    """Security"""

    limit_request_line: int = option(
        "--limit-request-line",
        default=4094,
        doc="Longest request line in bytes; 0 for no limit. A longer one is answered 414.",
    )
    limit_request_fields: int = option(
        "--limit-request-fields",
        default=100,
        doc="Most header fields of a request. More are answered 431.",
    )
    # The underscore in the flag is gunicorn's.
    limit_request_field_size: int = option(
        "--limit-request-field_size",
        default=8190,
        doc="Longest header line in bytes, with its line end. A longer one is answered 431.",
    )
    limit_request_body: int = option(
        "--limit-request-body",
        default=0,
        doc="Largest request body in bytes; 0 for no limit. A larger one is answered 413.",
    )
    permit_missing_host: bool = option(
        "--permit-missing-host",
        default=False,
        doc="""Accept HTTP/1.1 requests without a Host header.

        RFC 9112, section 3.2, wants them refused with 400, and so does licorne; gunicorn did not.
        """,
    )
    permit_connect: bool = option(
        "--permit-connect",
        default=False,
        doc="""Hand requests with the method CONNECT to the application.

        They ask a proxy for a tunnel (RFC 9110, section 9.3.6), and are answered 501 otherwise.
        """,
    )
    permit_obsolete_folding: bool = option(
        "--permit-obsolete-folding",
        default=False,
        doc="""Accept header values folded over several lines (RFC 9112, section 5.2).

        Each fold, with the white space around it, becomes one space.
        """,
    )
    strip_header_spaces: bool = option(
        "--strip-header-spaces",
        default=False,
        doc="""Accept blanks between a header's name and the colon, and drop them.

        A known way of smuggling requests past a proxy; for clients that cannot be repaired.
        """,
    )
    permit_unconventional_http_method: bool = option(
        "--permit-unconventional-http-method",
        default=False,
        doc="Accept methods with lower case letters, `#`, or an unusual length.",
    )
    permit_unconventional_http_version: bool = option(
        "--permit-unconventional-http-version",
        default=False,
        doc="""Accept HTTP versions other than 1.x in the request line.

        Minor versions above 1 are always answered as 1.1 (RFC 9110, section 2.5).
        """,
    )
    casefold_http_method: bool = option(
        "--casefold-http-method",
        default=False,
        doc="Turn the method into upper case before it is used.",
    )
    forwarder_headers: list[str] = option(
        "--forwarder-headers",
        default=["SCRIPT_NAME", "PATH_INFO"],
        convert=convert.header_names,
        doc="Headers with an underscore in their name that a trusted proxy may set; `*` for any.",
    )
    header_map: str = option(
        "--header-map",
        default="drop",
        choices=("drop", "refuse", "dangerous"),
        doc="""What to do with a header whose name has an underscore.

        `X_Real_IP` and `X-Real-IP` are the same key of the WSGI environ, so one can be made to
        look like the other: `drop` it, `refuse` the request, or pass it on (`dangerous`).
        """,
    )
