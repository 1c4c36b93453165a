"""The hook `ssl_context`: what it returns, made into what the engine serves.

Connections of the engine are not Python's: they go on while no Python runs, in a thread that never
has the interpreter. So the context that the hook returns is read and not used: its versions, its
ciphers, what it demands of clients, whose certificates it trusts, and the files that it has
loaded. The last of these a context does not tell; the hook's calls of `load_cert_chain` are
listened to. What cannot be served like this is refused, with what to use in its place.
"""

from __future__ import annotations

import os
import ssl
from contextlib import contextmanager

from licorne.config.check import given
from licorne.errors import ConfigError
from licorne.tls import contexts, material

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from licorne._engine import TlsTerms
    from licorne.config import Config

    Password = Callable[[], str | bytes | bytearray] | str | bytes | bytearray | None
    #: The context's identity, then the files and the password.
    Loaded = list[tuple[int, str, str, bytes | None]]


def read(cfg: Config) -> material.Material:
    """Call the hook, and read its context."""
    with _listening() as loaded:
        context = contexts.ssl_context(cfg)
    refuse_callbacks(cfg, context)
    own = [each for each in loaded if each[0] == id(context)]
    if not own:
        raise ConfigError(
            f"{_hook(cfg)}: the context has no certificate; let the hook call the factory that it "
            "is given, or load_cert_chain."
        )
    pairs = [
        material.pair_of(cfg, certificate, key, password=password)
        for _, certificate, key, password in own
    ]
    made = material.Material(_terms(cfg, context), pairs, _authorities(context), {})
    material.check(cfg, made)
    return made


def refuse_callbacks(cfg: Config, context: ssl.SSLContext) -> None:
    """What would have to be called for each connection, where no Python runs."""
    if getattr(context, "sni_callback", None) is not None:
        raise ConfigError(
            f"{_hook(cfg)}: sni_callback cannot be called by the engine; give a certificate for "
            "each name: --cert NAME=CERT,KEY."
        )


def _terms(cfg: Config, context: ssl.SSLContext) -> TlsTerms:
    from licorne._engine import TlsTerms  # noqa: PLC0415 - only with the hook

    versions = [
        _serves(context, ssl.TLSVersion.TLSv1_2, ssl.OP_NO_TLSv1_2),
        _serves(context, ssl.TLSVersion.TLSv1_3, ssl.OP_NO_TLSv1_3),
    ]
    if not any(versions):
        raise ConfigError(
            f"{_hook(cfg)}: the context allows neither TLS 1.2 nor TLS 1.3; raise maximum_version."
        )
    ciphers = ":".join(each["name"] for each in context.get_ciphers())
    protocols = [material.ALPN[each] for each in cfg.http_protocols]
    return TlsTerms(ciphers, int(context.verify_mode), protocols, *versions)


def _serves(context: ssl.SSLContext, version: ssl.TLSVersion, off: ssl.Options) -> bool:
    lowest, highest = context.minimum_version, context.maximum_version
    above = lowest == ssl.TLSVersion.MINIMUM_SUPPORTED or lowest <= version
    below = highest == ssl.TLSVersion.MAXIMUM_SUPPORTED or highest >= version
    return above and below and not context.options & off


def _authorities(context: ssl.SSLContext) -> bytes:
    if context.verify_mode is ssl.CERT_NONE:
        return b""
    found = context.get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, found)).encode("ascii")


@contextmanager
def _listening() -> Iterator[Loaded]:
    """Note which files contexts load meanwhile."""
    loaded: Loaded = []
    kind = ssl.SSLContext
    own, usual = vars(kind).get("load_cert_chain"), kind.load_cert_chain

    def load_cert_chain(
        self: ssl.SSLContext,
        certfile: str | os.PathLike[str] | bytes,
        keyfile: str | os.PathLike[str] | bytes | None = None,
        password: Password = None,
    ) -> None:
        usual(self, certfile, keyfile, password)
        given_password = password() if callable(password) else password
        if isinstance(given_password, str):
            given_password = given_password.encode()
        secret = None if given_password is None else bytes(given_password)
        certificate, key = os.fsdecode(certfile), os.fsdecode(keyfile or certfile)
        loaded.append((id(self), certificate, key, secret))

    setattr(kind, "load_cert_chain", load_cert_chain)  # noqa: B010 - a method for a moment
    try:
        yield loaded
    finally:
        if own is None:
            del kind.load_cert_chain
        else:
            setattr(kind, "load_cert_chain", own)  # noqa: B010 - as it was


def _hook(cfg: Config) -> str:
    return given(cfg, "ssl_context", getattr(cfg.ssl_context, "__qualname__", "a callable"))
