"""TLS for tests: an authority of their own, certificates of it, and a socket that speaks TLS."""

from __future__ import annotations

import atexit
import functools
import shutil
import socket
import ssl
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from e2e.wrapped import Wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


class Files:
    """An authority, and files of what it has signed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = trustme.CA()
        self.ca = str(folder / "ca.pem")
        self.authority.cert_pem.write_to_path(self.ca)

    def pair(self, *names: str, stem: str = "") -> tuple[str, str]:
        """The files of a certificate for these names, and of its key."""
        made = self.authority.issue_cert(*names)
        stem = stem or names[0].replace("*", "_")
        certificate, key = self._folder / f"{stem}.pem", self._folder / f"{stem}.key"
        certificate.unlink(missing_ok=True)
        for blob in made.cert_chain_pems:
            blob.write_to_path(str(certificate), append=True)
        made.private_key_pem.write_to_path(str(key))
        return str(certificate), str(key)

    def context(self) -> ssl.SSLContext:
        """What a client trusts that trusts the authority."""
        context = ssl.create_default_context(cafile=self.ca)
        context.set_alpn_protocols(["http/1.1"])
        return context


@functools.cache
def shared() -> Files:
    """One authority for all tests of this process."""
    folder = tempfile.mkdtemp(prefix="licorne-tls-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Files(Path(folder))


@functools.cache
def arguments() -> tuple[str, ...]:
    """What has a server listen with TLS."""
    certificate, key = shared().pair("localhost", "127.0.0.1", stem="server")
    return "--certfile", certificate, "--keyfile", key


@functools.cache
def context() -> ssl.SSLContext:
    """What clients of such a server come with."""
    return shared().context()


class SecureSocket(Wrapped):
    """As much of a socket as the tests' client uses, over TLS.

    Unlike Python's own it can say that it sends no more, and go on reading.
    """

    def __init__(
        self, raw: socket.socket, context: ssl.SSLContext, name: str = "localhost"
    ) -> None:
        super().__init__(raw)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        try:
            self._step(self.tls.do_handshake)
        except BaseException:
            raw.close()
            raise

    def sendall(self, data: bytes) -> None:
        """Send everything."""
        for start in range(0, len(data), 16384):
            part = data[start : start + 16384]
            self._step(lambda part=part: self.tls.write(part))

    def recv(self, count: int) -> bytes:
        """Some bytes; none at the end, however it comes."""
        try:
            return self._step(lambda: self.tls.read(count))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def shutdown(self, _how: int) -> None:
        """Send no more."""
        # It waits for the server's goodbye, and ours has been made.
        with suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self._flush()
        self.raw.shutdown(socket.SHUT_WR)

    def _step(self, call: Callable[[], T]) -> T:
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self._flush()
                data = self.raw.recv(65536)
                if data:
                    self._in.write(data)
                else:
                    self._in.write_eof()
            finally:
                self._flush()

    def _flush(self) -> None:
        data = self._out.read()
        if data:
            self.raw.sendall(data)
