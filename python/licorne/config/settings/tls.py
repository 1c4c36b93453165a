"""TLS and what is negotiated inside of it."""

from __future__ import annotations

import os
import sys

from licorne.config import convert
from licorne.config.option import Section, option

#: ssl.PROTOCOL_TLS, gunicorn's default; the module is not imported for a number.
PROTOCOL_TLS = 2


def _ssl_version(value: object) -> object:
    """Any value, ignored as gunicorn ignores it: versions are chosen by the hook `ssl_context`."""
    if value not in (PROTOCOL_TLS, None):
        print(
            f"Warning: ssl_version={value!r} is ignored; use the hook ssl_context instead.",
            file=sys.stderr,
        )
    return value


def _protocols(value: object) -> list[str]:
    """Protocols in the order of preference; nothing means HTTP/1.1."""
    names = [name.lower() for name in convert.comma_texts(value)] or ["h1"]
    for name in names:
        convert.one_of(name, ("h1", "h2"))
    if len(set(names)) < len(names):
        raise ValueError("give each protocol once")
    return names


def _cleartext(value: object) -> str:
    """The way into HTTP/2 without TLS; True stands for prior knowledge."""
    if isinstance(value, bool) or value is None:
        return "prior-knowledge" if value else "off"
    return convert.text(value).lower()


def _password(value: object) -> str | None:
    """Where a password is; never the password itself."""
    source = convert.optional_text(value)
    if source and not source.startswith(("file:", "env:")):
        raise ValueError("give file:PATH or env:NAME, not the password itself")
    return source


def _certificate(entry: str) -> str:
    """NAME=CERT,KEY, or a folder."""
    names, equals, files = entry.partition("=")
    if not equals and not os.path.isdir(entry):
        raise ValueError("give NAME=CERT,KEY, or a folder that is there")
    if equals and (not names.strip() or not files.partition(",")[0]):
        raise ValueError("give NAME=CERT,KEY")
    return entry


def _hsts(value: object) -> str | None:
    """Seconds, or the value of Strict-Transport-Security (RFC 6797, section 6.1)."""
    if value is None or value == "" or value is False:
        return None
    if value is True:
        raise ValueError("say for how many seconds, such as 31536000")
    if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
        return f"max-age={convert.integer(value)}"
    said = convert.text(value).strip()
    names = [part.partition("=")[0].strip().lower() for part in said.split(";")]
    if names.count("max-age") != 1 or not (said.isascii() and said.isprintable()):
        raise ValueError("give seconds, or a value with max-age=SECONDS")
    return said


class Ssl(Section):
    """SSL"""

    keyfile: str | None = option(
        "--keyfile",
        default=None,
        metavar="FILE",
        doc="The private key of the certificate, PEM; without it, it is looked for in certfile.",
    )
    keyfile_password: str | None = option(
        "--keyfile-password",
        default=None,
        convert=_password,
        metavar="SOURCE",
        doc="""Where the password of an encrypted key is: `file:PATH` or `env:NAME`.

        Of a file it is the first line. The password itself is no setting, since settings are shown.
        """,
    )
    certfile: str | None = option(
        "--certfile",
        default=None,
        metavar="FILE",
        doc="The certificate with its chain, PEM. This or keyfile makes the listeners speak TLS.",
    )
    certificates: list[str] = option(
        "--cert",
        default=[],
        convert=convert.Each(_certificate),
        metavar="NAME=CERT,KEY",
        doc="""Further certificates, by the name that a client asks for (SNI); may be repeated.

        `NAME` may be several with semicolons, and begin with `*.`; `KEY` may be left out where the
        key is in the file of the certificate. A folder stands for all that is in it: `X.pem` or
        `X.crt` with `X.key` beside it, for the names that they say themselves. The first of all is
        shown to clients that ask for another name, or for none.
        """,
    )
    self_signed: bool = option(
        "--self-signed",
        default=False,
        doc="Serve development over TLS, with a certificate for localhost made at the start.",
    )
    ssl_version: object = option(
        "--ssl-version",
        default=PROTOCOL_TLS,
        convert=_ssl_version,
        doc="Ignored, with a warning: the hook ssl_context chooses versions.",
    )
    cert_reqs: int = option(
        "--cert-reqs",
        default=0,
        convert=convert.Within(0, 2),
        doc="Whether clients need a certificate: 0 no, 1 it is looked at if there is one, 2 yes.",
    )
    ca_certs: str | None = option(
        "--ca-certs",
        default=None,
        metavar="FILE",
        doc="Certificates of the authorities that may sign a client's certificate, PEM.",
    )
    suppress_ragged_eofs: bool = option(
        "--suppress-ragged-eofs",
        default=True,
        doc="Take a TLS connection that ends without a goodbye as ended; licorne always does.",
    )
    do_handshake_on_connect: bool = option(
        "--do-handshake-on-connect",
        default=False,
        doc="Accepted; the handshake never holds a thread here, so its moment does not matter.",
    )
    ciphers: str | None = option(
        "--ciphers",
        default=None,
        doc="The ciphers to offer, as OpenSSL writes lists of them.",
    )
    redirect_http: list[str] = option(
        "--redirect-http",
        default=[], metavar="ADDRESS", reload="rebind",
        doc="""Where to listen in clear text and send clients on to TLS; may be given several times.

        As in `bind`, but no `fd://N`; the default port is 80. Requests are answered 301 (GET, HEAD)
        or 308 with the same address and https, in place of the application.
        """,
    )  # fmt: skip
    redirect_http_port: int = option(
        "--redirect-http-port",
        default=0,
        convert=convert.Within(0, 65535),
        metavar="PORT",
        doc="""The port that `redirect_http` sends clients to; 0 for that of the first TCP address.

        Where a port is published under another number (containers, balancers), that one.
        """,
    )
    hsts: str | None = option(
        "--hsts",
        default=None,
        convert=_hsts,
        metavar="SECONDS",
        doc="""Tell browsers to use TLS alone for so many seconds (Strict-Transport-Security).

        Or the whole value, such as `max-age=31536000; includeSubDomains`. 0 has them forget it.
        Sent with every answer over TLS, unless the application sends the field itself (RFC 6797).
        """,
    )


class Http2(Section):
    """HTTP/2"""

    http_protocols: list[str] = option(
        "--http-protocols",
        default=["h1"],
        convert=_protocols,
        metavar="STRING",
        doc="The protocols to speak, `h1` and `h2`, with commas, the preferred one first.",
    )
    http2_cleartext: str = option(
        "--http2-cleartext",
        default="off",
        convert=_cleartext,
        choices=("off", "prior-knowledge", "upgrade", "both"),
        doc="How a peer in `forwarded_allow_ips` may come to HTTP/2 without TLS: because it knows "
        "that it is spoken, by `Upgrade: h2c`, or by either.",
    )
    http2_max_concurrent_streams: int = option(
        "--http2-max-concurrent-streams",
        default=100,
        convert=convert.Within(1, 2**31 - 1),
        metavar="INT",
        doc="Most requests of a connection at a time.",
    )
    http2_initial_window_size: int = option(
        "--http2-initial-window-size",
        default=65535,
        # RFC 9113, section 6.5.2.
        convert=convert.Within(0, 2**31 - 1),
        metavar="INT",
        doc="Bytes of a body that a client may send before it is told to go on.",
    )
    http2_max_frame_size: int = option(
        "--http2-max-frame-size",
        default=16384,
        # RFC 9113, section 6.5.2.
        convert=convert.Within(2**14, 2**24 - 1),
        metavar="INT",
        doc="Longest frame that a client may send.",
    )
    http2_max_header_list_size: int = option(
        "--http2-max-header-list-size",
        default=65536,
        metavar="INT",
        doc="Longest head of a request in bytes, uncompressed; 0 for no limit.",
    )
