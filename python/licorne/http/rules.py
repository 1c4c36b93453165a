"""The rules that request heads are read by, and what they make of a proxy's headers.

The engine reads them attribute by attribute (`Engine.CONFIG_FIELDS`); nothing is decided here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from licorne.config import Config


class RequestRules:
    """What the engine's parser is told."""

    def __init__(self, cfg: Config) -> None:
        self.limit_request_line = cfg.limit_request_line
        self.limit_request_fields = cfg.limit_request_fields
        self.limit_request_field_size = cfg.limit_request_field_size
        self.limit_request_body = cfg.limit_request_body
        self.permit_obsolete_folding = cfg.permit_obsolete_folding
        self.strip_header_spaces = cfg.strip_header_spaces
        self.permit_unconventional_http_method = cfg.permit_unconventional_http_method
        self.permit_unconventional_http_version = cfg.permit_unconventional_http_version
        self.casefold_http_method = cfg.casefold_http_method
        self.permit_missing_host = cfg.permit_missing_host
        self.permit_connect = cfg.permit_connect
        self.header_map = cfg.header_map
        self.forwarder_headers = list(cfg.forwarder_headers)
        self.secure_scheme_headers = list(cfg.secure_scheme_headers.items())
        self.forwarded_allow_ips = list(cfg.forwarded_allow_ips)
        self.client_address = cfg.client_address
        self.proxy_protocol = cfg.proxy_protocol
        self.proxy_allow_ips = list(cfg.proxy_allow_ips)


def explain_proxy(cfg: Config, lines: Sequence[str], peer: str) -> str:
    """What would be made of a request with these header lines, sent by `peer`.

    `peer` is an IP address, or `unix` for one on a unix socket; anything else is a `ValueError`.
    """
    from licorne import _engine  # noqa: PLC0415 - only to answer the question

    named = any(line.partition(":")[0].lower() == "host" for line in lines)
    head = ["GET / HTTP/1.1", *([] if named else ["Host: localhost"]), *lines, "", ""]
    return _engine.explain_proxy(RequestRules(cfg), peer, "\r\n".join(head).encode())
