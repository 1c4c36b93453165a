"""Listening sockets: made from addresses, or taken over from systemd or an older master."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
import time

from licorne import util
from licorne.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from licorne.config import Config
    from licorne.config.convert import Address
    from licorne.glogging import Logger

#: How often, and how long apart, an address in use is tried (gunicorn's numbers).
TRIES = 5
PAUSE = 1.0
#: Why an address cannot be listened to, in gunicorn's words.
_KNOWN = {
    errno.EADDRINUSE: "Connection in use: %s",
    errno.EADDRNOTAVAIL: "Invalid address: %s",
}


class BaseSocket:
    """A listening socket with the address it was made from."""

    FAMILY = socket.AF_UNSPEC

    def __init__(self, address: Address, conf: Config, log: Logger, fd: int | None = None) -> None:
        self.log = log
        self.conf = conf
        self.cfg_addr = address
        made = socket.socket(self.FAMILY) if fd is None else socket.socket(fileno=os.dup(fd))
        try:
            self.sock = self.set_options(made, bound=fd is not None)
        except BaseException:
            made.close()
            raise

    def __str__(self) -> str:
        return f"<socket {self.sock.fileno()}>"

    def set_options(self, sock: socket.socket, bound: bool = False) -> socket.socket:
        """Prepare, bind and listen."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.conf.reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if not bound:
            self.bind(sock)
        sock.setblocking(False)
        # A new master executed for an upgrade takes the sockets over.
        sock.set_inheritable(True)
        sock.listen(self.conf.backlog)
        return sock

    def bind(self, sock: socket.socket) -> None:
        """Give the socket its address."""
        if isinstance(self.cfg_addr, int):
            raise TypeError(f"a descriptor has its address already: {self.cfg_addr}")
        sock.bind(self.cfg_addr)

    def fileno(self) -> int:
        """The descriptor."""
        return self.sock.fileno()

    def getsockname(self) -> Address:
        """The address that the kernel knows."""
        name: Address = self.sock.getsockname()
        return name

    def setblocking(self, flag: bool) -> None:
        """Whether accept() waits."""
        self.sock.setblocking(flag)

    def accept(self) -> tuple[socket.socket, Address]:
        """The next connection."""
        return self.sock.accept()

    def close(self) -> None:
        """Stop listening, in this process."""
        try:
            self.sock.close()
        except OSError as error:
            self.log.info("Error while closing socket %s", error)


class TCPSocket(BaseSocket):
    """IPv4."""

    FAMILY = socket.AF_INET

    def __str__(self) -> str:
        scheme = "https" if self.conf.is_ssl else "http"
        host, port = self.sock.getsockname()[:2]
        return f"{scheme}://{host}:{port}"

    def set_options(self, sock: socket.socket, bound: bool = False) -> socket.socket:
        """Also send small answers at once."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return super().set_options(sock, bound=bound)


class TCP6Socket(TCPSocket):
    """IPv6."""

    FAMILY = socket.AF_INET6

    def __str__(self) -> str:
        scheme = "https" if self.conf.is_ssl else "http"
        host, port = self.sock.getsockname()[:2]
        return f"{scheme}://[{host}]:{port}"


class UnixSocket(BaseSocket):
    """A path of the file system, or an abstract name (leading NUL)."""

    FAMILY = socket.AF_UNIX

    def __init__(self, address: Address, conf: Config, log: Logger, fd: int | None = None) -> None:
        if fd is None and isinstance(address, str) and not address.startswith("\0"):
            _clear(address)
        super().__init__(address, conf, log, fd=fd)

    def __str__(self) -> str:
        return f"unix:{self.cfg_addr}"

    def bind(self, sock: socket.socket) -> None:
        """Bind under the configured umask, and give the file to the workers' user."""
        path = str(self.cfg_addr)
        before = os.umask(self.conf.umask)
        try:
            sock.bind(path)
        finally:
            os.umask(before)
        if not path.startswith("\0"):
            util.chown(path, self.conf.uid, self.conf.gid)


def _clear(path: str) -> None:
    """Remove the socket of an earlier run; anything else is not ours to remove."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ConfigError(
            f"Cannot listen at unix:{path}: there is a file of another kind. Remove it or name "
            "another path."
        )
    os.remove(path)


def socket_type(address: Address) -> type[BaseSocket]:
    """The kind of socket for an address."""
    if isinstance(address, str):
        return UnixSocket
    if isinstance(address, tuple):
        return TCP6Socket if util.is_ipv6(address[0]) else TCPSocket
    raise TypeError(f"Unable to create socket from: {address!r}")


def create_sockets(conf: Config, log: Logger, fds: Sequence[int] | None = None) -> list[BaseSocket]:
    """The listening sockets: those inherited, when there are any, or one for each address."""
    addresses = conf.address
    inherited = [*(fds or ()), *(each for each in addresses if isinstance(each, int))]
    if inherited:
        return [_adopt(fd, conf, log) for fd in inherited]
    made: list[BaseSocket] = []
    for address in addresses:
        try:
            made.append(listen(address, conf, log))
        except BaseException:
            close_sockets(made)
            raise
    return made


def _adopt(fd: int, conf: Config, log: Logger) -> BaseSocket:
    try:
        with socket.socket(fileno=os.dup(fd)) as seen:
            name, family = seen.getsockname(), seen.family
    except OSError as error:
        raise RuntimeError(f"Descriptor {fd} is not an open socket: {error}") from error
    kinds = {kind.FAMILY: kind for kind in (TCPSocket, TCP6Socket, UnixSocket)}
    if family not in kinds:
        raise RuntimeError(f"Descriptor {fd} is a socket of a kind that cannot be served: {family}")
    adopted = kinds[family](name, conf, log, fd=fd)
    # The object owns a duplicate: the number that was handed over is not needed any more.
    os.close(fd)
    return adopted


def listen(address: Address, conf: Config, log: Logger) -> BaseSocket:
    """One listening socket; an address in use is tried again, then the process ends."""
    kind = socket_type(address)
    for left in reversed(range(TRIES)):
        try:
            return kind(address, conf, log)
        except OSError as error:
            # The traceback would say nothing that the message does not.
            if error.errno in _KNOWN:
                log.error(_KNOWN[error.errno], address)  # noqa: TRY400
            log.error("connection to %s failed: %s", address, error)  # noqa: TRY400
            # Only an address in use can become free by itself.
            if left and error.errno == errno.EADDRINUSE:
                log.debug("Retrying in %s second.", PAUSE)
                time.sleep(PAUSE)
            else:
                break
    log.error("Can't connect to %s", address)
    sys.exit(1)


def rebind(present: Sequence[BaseSocket], conf: Config, log: Logger) -> list[BaseSocket]:
    """Listen where the configuration now says; what stays is not touched, what goes is closed."""
    kept = {each.cfg_addr: each for each in present}
    fresh: dict[Address, BaseSocket] = {}
    try:
        for address in conf.address:
            if address not in kept:
                fresh[address] = listen(address, conf, log)
    except BaseException:
        close_sockets(list(fresh.values()))
        raise
    close_sockets([each for address, each in kept.items() if address not in conf.address])
    return [fresh.get(address) or kept[address] for address in conf.address]


def close_sockets(listeners: Sequence[BaseSocket], unlink: bool = True) -> None:
    """Stop listening; the files of unix sockets are removed unless another master uses them."""
    for sock in listeners:
        name = sock.getsockname()
        sock.close()
        if unlink and isinstance(name, str) and name and not name.startswith("\0"):
            util.unlink(name)
