"""What the settings of TLS name, read: certificates, keys, authorities. Every failure is a sentence
with the setting, the file and the remedy.

The master reads, since workers may have given up the right to; the engine looks at what was read.
"""

from __future__ import annotations

import os
import time

from licorne.config.check import given
from licorne.config.settings.hooks import own_context
from licorne.errors import ConfigError
from licorne.tls.keeper import stamp, when

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne._engine import TlsCertificate, TlsTerms
    from licorne.config import Config
    from licorne.tls.keeper import Stamp

#: Protocols by the names of `http_protocols`, as they are agreed on (RFC 7301, section 6).
ALPN = {"h1": b"http/1.1", "h2": b"h2"}
#: What a certificate of a folder is called; the key beside it has the other ending.
ENDINGS = (".pem", ".crt", ".cer", ".cert")
#: Names of the certificate of `--self-signed`, and for how many days it is good.
DEVELOPMENT = (["localhost", "127.0.0.1", "::1"], 30)


class Pair:
    """One certificate with its key."""

    __slots__ = ("certificate", "certificate_file", "chain", "files", "key", "names")

    def __init__(
        self,
        chain: bytes,
        key: bytes,
        certificate: TlsCertificate,
        *,
        names: list[str] | None = None,
        files: dict[str, Stamp] | None = None,
    ) -> None:
        #: The chain in PEM, and the key in PKCS #8.
        self.chain = chain
        self.key = key
        #: What the first certificate says.
        self.certificate = certificate
        #: Names that it is shown for; none: those that it says itself.
        self.names = names or []
        #: The file of the certificate, then that of the key, as they were before they were read.
        self.files = files or {}
        self.certificate_file = next(iter(self.files), "")

    @property
    def triple(self) -> tuple[list[str], bytes, bytes]:
        """As the engine takes it."""
        return self.names, self.chain, self.key


class Material:
    """Everything that was read, and the settings it works with."""

    def __init__(
        self, terms: TlsTerms, pairs: list[Pair], authorities: bytes, files: dict[str, Stamp]
    ) -> None:
        self.terms = terms
        self.pairs = pairs
        self.authorities = authorities
        #: The files, and folders, that a change of is worth another look, as they were before they
        #: were read: what has changed since then is read again.
        self.files = files
        for each in pairs:
            self.files = each.files | self.files

    def is_as(self, other: Material) -> bool:
        """Whether it has the same certificates, keys and authorities."""
        return self.triples == other.triples and self.authorities == other.authorities

    @property
    def triples(self) -> list[tuple[list[str], bytes, bytes]]:
        """The certificates as the engine takes them."""
        return [each.triple for each in self.pairs]


def complaints(cfg: Config) -> Iterator[str]:
    """What a start would fail over, for `--check-config`."""
    if cfg.is_ssl:
        try:
            read(cfg)
        except ConfigError as error:
            yield str(error)


def read(cfg: Config) -> Material:
    """Read all files, and see whether they work together; a ConfigError says what does not."""
    if cfg.ssl_context is not own_context:
        from licorne.tls import hooked  # noqa: PLC0415 - only with the hook

        return hooked.read(cfg)
    # A folder has changed when a file has come or gone.
    files = {entry: stamp(entry) for entry in cfg.certificates if "=" not in entry}
    if cfg.ca_certs and cfg.cert_reqs:
        files[cfg.ca_certs] = stamp(cfg.ca_certs)
    pairs = [*_named(cfg), *_certificates(cfg)]
    if cfg.self_signed and not pairs:
        pairs = [_self_signed()]
    authorities = _authorities(cfg)
    material = Material(terms(cfg), pairs, authorities, files)
    check(cfg, material)
    return material


def check(cfg: Config, material: Material) -> None:
    """Have the engine put everything together, as a worker does."""
    try:
        material.terms.check(material.authorities, material.triples)
    except ValueError as error:
        name, colon, said = str(error).partition(": ")
        if colon and name in {"ciphers", "ca_certs"}:
            raise ConfigError(f"{given(cfg, name, cfg.values[name])}: {said}.") from None
        raise ConfigError(f"TLS cannot be served with these settings: {error}.") from None


def terms(cfg: Config, *, ciphers: str | None = None) -> TlsTerms:
    """What the settings say besides files."""
    from licorne._engine import TlsTerms  # noqa: PLC0415 - only with TLS

    protocols = [ALPN[each] for each in cfg.http_protocols]
    listed = cfg.ciphers if ciphers is None else ciphers
    return TlsTerms(listed or "", cfg.cert_reqs, protocols, True, True)


def pair_of(
    cfg: Config,
    certificate_file: str,
    key_file: str,
    *,
    settings: tuple[str, str] = ("certfile", "keyfile"),
    names: list[str] | None = None,
    password: bytes | None = None,
) -> Pair:
    """Read a certificate and its key; `settings` names what is to be complained of."""
    from licorne._engine import TlsCertificate, TlsTerms, tls_key  # noqa: PLC0415 - only with TLS

    for_certificate = given(cfg, settings[0], certificate_file)
    for_key = given(cfg, settings[1], key_file)
    files = {path: stamp(path) for path in (certificate_file, key_file)}
    chain = content(certificate_file, for_certificate)
    try:
        certificate = TlsCertificate(chain)
    except ValueError as error:
        raise ConfigError(
            f"{for_certificate}: {error}; give a file with the certificate and its chain in PEM."
        ) from None
    pem = content(key_file, for_key)
    try:
        key = tls_key(pem, password if password is not None else _password(cfg))
    except ValueError as error:
        raise ConfigError(f"{for_key}: {error}; {_key_remedy(cfg, str(error))}") from None
    try:
        TlsTerms("", 0, [], True, True).check(b"", [([], chain, key)])
    except ValueError as error:
        raise ConfigError(
            f"{for_key}: {error} in {certificate_file}; give the key that it was made with."
        ) from None
    if certificate.not_after < time.time():
        raise ConfigError(
            f"{for_certificate}: the certificate of {', '.join(certificate.names)} has expired "
            f"({when(certificate.not_after)}); renew it."
        )
    return Pair(chain, key, certificate, names=names, files=files)


def content(path: str, complaint: str) -> bytes:
    """The bytes of a file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(
            f"{complaint}: it cannot be read ({error.strerror}); "
            "name a file that the master can read."
        ) from None


def _named(cfg: Config) -> Iterator[Pair]:
    """`certfile` and `keyfile`; the key may be a part of the certificate's file."""
    if not cfg.certfile:
        if cfg.keyfile:
            raise ConfigError(
                f"{given(cfg, 'keyfile', cfg.keyfile)}: there is no certificate for it; set "
                "certfile."
            )
        return
    key = cfg.keyfile or cfg.certfile
    settings = ("certfile", "keyfile" if cfg.keyfile else "certfile")
    yield pair_of(cfg, cfg.certfile, key, settings=settings)


def _certificates(cfg: Config) -> Iterator[Pair]:
    """`certificates`: NAME=CERT,KEY, or a folder."""
    both = ("certificates", "certificates")
    for entry in cfg.certificates:
        names, equals, files = entry.partition("=")
        if equals:
            certificate, _, key = files.partition(",")
            wanted = [each.strip() for each in names.split(";") if each.strip()]
            yield pair_of(cfg, certificate, key or certificate, settings=both, names=wanted)
            continue
        found = list(_folder(entry))
        if not found:
            raise ConfigError(
                f"{given(cfg, 'certificates', entry)}: no certificate is in this folder; put "
                "NAME.pem or NAME.crt there, with NAME.key beside it."
            )
        for certificate, key in found:
            yield pair_of(cfg, certificate, key, settings=both)


def _folder(path: str) -> Iterator[tuple[str, str]]:
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return
    for name in names:
        stem, ending = os.path.splitext(name)
        if ending in ENDINGS and not name.startswith("."):
            certificate = os.path.join(path, name)
            key = os.path.join(path, f"{stem}.key")
            yield certificate, key if os.path.exists(key) else certificate


def _self_signed() -> Pair:
    from licorne._engine import TlsCertificate, self_signed  # noqa: PLC0415 - for development

    chain, key = self_signed(*DEVELOPMENT)
    return Pair(chain, key, TlsCertificate(chain))


def _authorities(cfg: Config) -> bytes:
    if not cfg.cert_reqs:
        return b""
    if not cfg.ca_certs:
        raise ConfigError(
            f"{given(cfg, 'cert_reqs', cfg.cert_reqs)}: nothing says whose certificates are good; "
            "set ca_certs."
        )
    return content(cfg.ca_certs, given(cfg, "ca_certs", cfg.ca_certs))


def _password(cfg: Config) -> bytes | None:
    """`keyfile_password`: file:PATH or env:NAME."""
    source = cfg.keyfile_password
    if not source:
        return None
    kind, _, name = source.partition(":")
    if kind == "file":
        lines = content(name, given(cfg, "keyfile_password", source)).splitlines()
        return lines[0] if lines else b""
    found = os.environ.get(name)
    if found is None:
        raise ConfigError(
            f"{given(cfg, 'keyfile_password', source)}: the environment has no {name}; set it, or "
            "give file:PATH."
        )
    return os.fsencode(found)


def _key_remedy(cfg: Config, said: str) -> str:
    if "no password" in said:
        return "set keyfile_password to file:PATH or env:NAME."
    if "password" in said:
        return f"look at keyfile_password ({cfg.keyfile_password})."
    return "give a file with the key in PEM."
