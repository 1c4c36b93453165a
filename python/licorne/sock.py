"""Listening sockets: made from addresses, or taken over from systemd or an older master."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
import time

from licorne import ondemand, util
from licorne.errors import ConfigError
from licorne.system import unpatched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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

    #: It speaks clear text, and sends clients on to TLS (`redirect_http`).
    redirects = False

    _name: Address | None = None

    def __init__(
        self,
        address: Address,
        conf: Config,
        log: Logger,
        fd: int | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        #: Bound, and not listening yet.
        self.quiet = quiet
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
        # The kernel spreads TCP connections only, and refuses the option for unix sockets.
        if self.conf.reuse_port and self.FAMILY != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if not bound:
            self.bind(sock)
        sock.setblocking(False)
        # A new master executed for an upgrade takes the sockets over.
        sock.set_inheritable(True)
        if not self.quiet and not (bound and _listens(sock)):
            # One that already listens keeps the queue it was given.
            sock.listen(self.conf.backlog)
        return sock

    def begin(self) -> None:
        """Listen, if that was left for later."""
        if self.quiet:
            self.quiet = False
            self.sock.listen(self.conf.backlog)

    def bind(self, sock: socket.socket) -> None:
        """Give the socket its address."""
        if isinstance(self.cfg_addr, int):
            raise TypeError(f"a descriptor has its address already: {self.cfg_addr}")
        sock.bind(self.cfg_addr)

    def fileno(self) -> int:
        """The descriptor."""
        return self.sock.fileno()

    def getsockname(self) -> Address:
        """The address that the kernel knows, or knew while the socket listened."""
        if self._name is None:
            self._name = _name(self.sock)
        return self._name

    def get_backlog(self) -> int | None:
        """How many connections wait to be accepted; None where the system does not say."""
        return None

    def unlink(self) -> None:
        """Remove what the socket has left in the file system, if it is this process's."""

    def __getattr__(self, name: str) -> object:
        """Whatever else a socket has: event loops of foreign workers take this one for a socket."""
        if name == "sock":  # not made yet, or the making failed
            raise AttributeError(name)
        return getattr(self.sock, name)

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
        scheme = "https" if self.conf.is_ssl and not self.redirects else "http"
        host, port = _host_and_port(self.getsockname())
        return f"{scheme}://{host}:{port}"

    def set_options(self, sock: socket.socket, bound: bool = False) -> socket.socket:
        """Also send small answers at once."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return super().set_options(sock, bound=bound)

    def get_backlog(self) -> int | None:
        """How many connections wait to be accepted; None where the system does not say."""
        if sys.platform != "linux":
            return None
        # tcpi_unacked of struct tcp_info, which for a listener is the length of its queue
        # (linux/tcp.h; tcp_get_info in net/ipv4/tcp.c).
        info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        return int.from_bytes(info[24:28], sys.byteorder)


class TCP6Socket(TCPSocket):
    """IPv6."""

    FAMILY = socket.AF_INET6

    def __str__(self) -> str:
        scheme = "https" if self.conf.is_ssl and not self.redirects else "http"
        host, port = _host_and_port(self.getsockname())
        return f"{scheme}://[{host}]:{port}"


class UnixSocket(BaseSocket):
    """A path of the file system, or an abstract name (leading NUL)."""

    FAMILY = socket.AF_UNIX

    #: Path, device and inode of the file, and the process that has to remove it.
    _path = ""
    _file: tuple[int, int] | None = None
    _owner = -1

    def __init__(self, address: Address, conf: Config, log: Logger, fd: int | None = None) -> None:
        if fd is None and isinstance(address, str) and not address.startswith("\0"):
            _clear(address)
        super().__init__(address, conf, log, fd=fd)

    def __str__(self) -> str:
        # A leading NUL would end the line on a terminal: written as ss(8) and `bind` do.
        return f"unix:{self.cfg_addr}".replace("unix:\0", "unix:@")

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
            self.own()

    def own(self) -> None:
        """From now on, this process removes the file when it stops listening."""
        # Absolute: a reload may change the working directory.
        self._path = os.path.abspath(str(self.cfg_addr))
        self._file = _identity(self._path)
        self._owner = os.getpid()

    def unlink(self) -> None:
        """Remove the file, unless it belongs to another process or is another one by now."""
        mine = self._owner == os.getpid() and self._file is not None
        if mine and _identity(self._path) == self._file:
            util.unlink(self._path)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        # Gone, or out of reach: not ours to remove.
        return None
    return found.st_dev, found.st_ino


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
    if _answers(path):
        # As with TCP: the address of a living server is not taken from it.
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    os.remove(path)


def _answers(path: str) -> bool:
    """Whether a process listens at the socket file."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            # One does, and is busy.
            return True
        except OSError:
            # Refused: the process is gone. Forbidden: removing the file will tell.
            return False
    return True


def _listens(sock: socket.socket) -> bool:
    # SO_ACCEPTCONN: socket(7). Where it is missing, listening again does no harm.
    asked = getattr(socket, "SO_ACCEPTCONN", None)
    return asked is not None and bool(sock.getsockopt(socket.SOL_SOCKET, asked))


def _name(sock: socket.socket) -> Address:
    name: Address | bytes = sock.getsockname()
    # Abstract names come as bytes.
    return os.fsdecode(name) if isinstance(name, bytes) else name


def _host_and_port(address: Address) -> tuple[str, int]:
    if not isinstance(address, tuple):
        raise TypeError(f"not the address of a TCP socket: {address!r}")
    # IPv6 has two more parts.
    return address[0], address[1]


def socket_type(address: Address) -> type[BaseSocket]:
    """The kind of socket for an address."""
    if isinstance(address, str):
        return UnixSocket
    if isinstance(address, tuple):
        return TCP6Socket if util.is_ipv6(address[0]) else TCPSocket
    raise TypeError(f"Unable to create socket from: {address!r}")


def create_sockets(
    conf: Config, log: Logger, fds: Sequence[int] | None = None, *, owned: bool = False
) -> list[BaseSocket]:
    """The listening sockets: those inherited, when there are any, or one for each address.

    `owned`: the inherited ones come from an older master; the files of unix sockets are this
    process's to remove. Those of systemd stay.
    """
    addresses = conf.listen_addresses
    inherited = [*(fds or ()), *(each for each in addresses if isinstance(each, int))]
    if inherited:
        return [adopt(fd, conf, log, owned=owned) for fd in inherited]
    made: list[BaseSocket] = []
    for address in addresses:
        try:
            made.append(listen(address, conf, log))
        except BaseException:
            close_sockets(made)
            raise
    return made


def adopt(fd: int, conf: Config, log: Logger, owned: bool = False) -> BaseSocket:
    """The listening socket behind an inherited descriptor, which is closed."""
    try:
        with socket.socket(fileno=os.dup(fd)) as seen:
            name, family = _name(seen), seen.family
    except OSError as error:
        raise RuntimeError(f"Descriptor {fd} is not an open socket: {error}") from error
    kinds = {kind.FAMILY: kind for kind in (TCPSocket, TCP6Socket, UnixSocket)}
    if family not in kinds:
        raise RuntimeError(f"Descriptor {fd} is a socket of a kind that cannot be served: {family}")
    adopted = kinds[family](name, conf, log, fd=fd)
    # The object owns a duplicate: the number that was handed over is not needed any more.
    unpatched.close(fd)
    if owned and isinstance(adopted, UnixSocket):
        adopted.own()
    return adopted


def listen(address: Address, conf: Config, log: Logger, tries: int = TRIES) -> BaseSocket:
    """One listening socket; an address in use is tried again, then the process ends."""
    kind = socket_type(address)
    for left in reversed(range(tries)):
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


def reserve(like: TCPSocket, conf: Config, log: Logger) -> TCPSocket:
    """A socket beside another one at the same address (SO_REUSEPORT), not listening yet.

    The kernel gives connections to sockets that listen: this one `begin`s when its worker is ready.
    """
    # Where the other really listens: port 0 must mean the same port for both.
    made = type(like)(like.getsockname(), conf, log, quiet=True)
    made.cfg_addr = like.cfg_addr
    made.redirects = like.redirects
    return made


def rebind(present: Sequence[BaseSocket], conf: Config, log: Logger) -> list[BaseSocket]:
    """Listen where the configuration now says; what stays is not touched, what goes is closed."""
    kept = {each.cfg_addr: each for each in present}
    fresh: dict[Address, BaseSocket] = {}
    try:
        for address in conf.listen_addresses:
            if address not in kept:
                # Once: the workers that serve need a master that does not sleep.
                fresh[address] = listen(address, conf, log, tries=1)
    except BaseException:
        close_sockets(list(fresh.values()))
        raise
    wanted = conf.listen_addresses
    close_sockets([each for address, each in kept.items() if address not in wanted])
    return [fresh.get(address) or kept[address] for address in wanted]


def with_redirects(made: list[BaseSocket], conf: Config, log: Logger) -> list[BaseSocket]:
    """The same sockets, of which those of `redirect_http` are the last and say so.

    Those that are missing are opened: systemd, or another server, may have handed over some of them
    or none.
    """
    places = [_place(each.cfg_addr) for each in made]
    wanted = conf.redirect_addresses
    fresh = [listen(address, conf, log) for address in wanted if address not in places]
    for each in (*made, *fresh):
        each.redirects = _place(each.cfg_addr) in wanted
    return sorted((*made, *fresh), key=lambda each: each.redirects)


def _place(address: Address) -> Address:
    """An address of the kernel as one of the configuration: of IPv6 it has two parts more."""
    return address[:2] if isinstance(address, tuple) else address


def close_sockets(listeners: Sequence[BaseSocket], unlink: bool = True) -> None:
    """Stop listening; the files of unix sockets are removed unless another master uses them."""
    for sock in listeners:
        if unlink:
            # Before the close: a client that connects in between is refused, not left waiting.
            sock.unlink()
        sock.close()


#: gunicorn's names for TLS; ssl is slow to import.
__getattr__: Callable[[str], object] = ondemand.names(
    __name__, {"ssl_context": "licorne.tls.contexts", "ssl_wrap_socket": "licorne.tls.contexts"}
)
