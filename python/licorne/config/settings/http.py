"""Which peers are trusted with what, and how bodies are held."""

from __future__ import annotations

from licorne.config import convert
from licorne.config.option import Section, derived, option


def _sendfile(_holder: Section, value: object) -> bool:
    """Unset means $SENDFILE, and on when that is unset too."""
    if value is None:
        import os  # noqa: PLC0415 - read at use, as gunicorn does

        word = os.environ.get("SENDFILE")
        return word is None or word.lower() in {"y", "1", "yes", "true"}
    return bool(value)


def _proxy_protocol(value: object) -> str:
    """A version of the PROXY protocol; true and 1 stand for any, false and 0 for none."""
    if isinstance(value, bool) or value is None:
        return "auto" if value else "off"
    word = convert.text(value).lower()
    return {"true": "auto", "1": "auto", "false": "off", "0": "off", "none": "off"}.get(word, word)


class Http(Section):
    """HTTP"""

    secure_scheme_headers: dict[str, str] = option(
        default={
            "X-FORWARDED-PROTOCOL": "ssl",
            "X-FORWARDED-PROTO": "https",
            "X-FORWARDED-SSL": "on",
        },
        convert=convert.scheme_headers,
        doc="Headers, and their values, by which a trusted proxy says that the client used https.",
    )
    forwarded_allow_ips: list[str] = option(
        "--forwarded-allow-ips",
        default=["127.0.0.1", "::1"], env="FORWARDED_ALLOW_IPS",
        convert=convert.networks,
        doc="""Addresses and networks of proxies that may say how the client came; `*` for all.

        Peers on a unix socket are always trusted. `private` stands for the networks that are not
        routed in the Internet, this machine included. The default is taken from
        FORWARDED_ALLOW_IPS, if that is set.
        """,
    )  # fmt: skip
    client_address: str = option(
        "--client-address",
        default="peer",
        choices=("peer", "x-forwarded-for", "forwarded"),
        convert=convert.lower_text,
        metavar="SOURCE",
        doc="""Where REMOTE_ADDR comes from: `peer`, or this header of peers in forwarded_allow_ips.

        `x-forwarded-for` and `forwarded` (RFC 7239) are read from the right: the client is the
        first address that is not in forwarded_allow_ips. With `forwarded`, what that proxy says of
        scheme and host counts too. `peer` is what gunicorn does; for `client` of an ASGI scope,
        `x-forwarded-for` is the default, as with uvicorn.
        """,
    )
    body_buffer_size: int = option(
        "--body-buffer-size",
        default=16 * 1024 * 1024,
        doc="""Bytes of a request body held in memory; a larger one goes to a temporary file.

        The bodies of a worker together take at most eight times as much; then files are used too.
        """,
    )
    sendfile: bool = derived(
        "--no-sendfile",
        default=None,
        view=_sendfile,
        convert=convert.optional_boolean,
        const=False,
        doc="Do not use sendfile() for the files that an application returns.",
    )
    protocol: str = option(
        "--protocol",
        default="http",
        choices=("http", "uwsgi", "fastcgi"),
        doc="""What is spoken on the listeners: `http`, or to a web server `uwsgi` or `fastcgi`.

        With `uwsgi` (nginx: uwsgi_pass) and `fastcgi` (nginx: fastcgi_pass, Apache: mod_proxy_fcgi)
        the client is the one that the web server names, and what its request says of proxies is
        believed if that client is in forwarded_allow_ips.
        """,
    )
    uwsgi_allow_ips: list[str] = option(
        "--uwsgi-allow-from",
        default=["127.0.0.1", "::1"],
        convert=convert.networks,
        doc="""Addresses and networks of web servers that may speak uwsgi; `*` for all.

        Others get 403. Peers on a unix socket always may.
        """,
    )
    fastcgi_allow_ips: list[str] = option(
        "--fastcgi-allow-from",
        default=["127.0.0.1", "::1"],
        convert=convert.networks,
        doc="""Addresses and networks of web servers that may speak FastCGI; `*` for all.

        Others get 403. Peers on a unix socket always may.
        """,
    )
    proxy_protocol: str = option(
        "--proxy-protocol",
        default="off",
        const="auto",
        convert=_proxy_protocol,
        choices=("off", "v1", "v2", "auto"),
        metavar="MODE",
        doc="""Read the client's address from a PROXY header: `off`, `v1`, `v2` or `auto`.

        With `v1` and `v2` each connection has to begin with a header of that version; others are
        refused with 400. With `auto` it may be one of either version, or none. The client that the
        header names takes the place of the peer, in the environ, in the scope and in logs; whether
        forwarded headers are believed still depends on the peer (`forwarded_allow_ips`).
        """,
    )
    proxy_allow_ips: list[str] = option(
        "--proxy-allow-from",
        default=["127.0.0.1", "::1"],
        convert=convert.networks,
        doc="""Addresses and networks of peers that may send a PROXY header; `*` for all.

        A header of others is refused with 403. Peers on a unix socket may always send one.
        """,
    )
    root_path: str = option(
        "--root-path",
        default="",
        doc="""The path under which an ASGI application is mounted.

        It is `root_path` of the scope; WSGI applications get theirs from SCRIPT_NAME.
        """,
    )
