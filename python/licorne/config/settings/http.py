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

        Peers on a unix socket are always trusted. The default is taken from FORWARDED_ALLOW_IPS,
        if that is set.
        """,
    )  # fmt: skip
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
