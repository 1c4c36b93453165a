"""What the servers and clients of all tests speak: HTTP/1, or what the environment says.

`LICORNE_E2E_OVER=tls`, `h2` (in clear text) and `h2-tls` play the scenarios once more, with the
same tests: servers get the settings that they need for it, and the tests' client comes with it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from e2e import secure
from e2e.h2_socket import H2Socket

if TYPE_CHECKING:
    import socket

OVER = os.environ.get("LICORNE_E2E_OVER", "")
TLS = OVER in {"tls", "h2-tls"}
HTTP_2 = OVER in {"h2", "h2-tls"}
#: What URLs begin with, and what applications and logs are told of the version of HTTP.
SCHEME = "https" if TLS else "http"
PROTOCOL = "HTTP/2" if HTTP_2 else "HTTP/1.1"
#: Beside HTTP/1, for clients of other people's.
CLEAR_H2 = ("--http-protocols", "h1,h2", "--http2-cleartext", "both")
ARGUMENTS = {
    "": lambda: (),
    "tls": secure.arguments,
    "h2": lambda: CLEAR_H2,
    "h2-tls": lambda: (*secure.arguments(), "--http-protocols", "h2,h1"),
}


def arguments() -> tuple[str, ...]:
    """What servers are started with beside what a test says."""
    return ARGUMENTS[OVER]()


def carried(raw: socket.socket) -> socket.socket:
    """The socket of a test's client, by which it speaks HTTP/1 whatever that is carried by."""
    if OVER == "tls":
        return secure.SecureSocket(raw, secure.context())  # type: ignore[return-value]
    if OVER == "h2":
        return H2Socket(raw, "http")  # type: ignore[return-value]
    if OVER == "h2-tls":
        context = secure.context()
        context.set_alpn_protocols(["h2"])
        carrier = secure.SecureSocket(raw, context)
        return H2Socket(carrier, "https")  # type: ignore[return-value, arg-type]
    return raw
