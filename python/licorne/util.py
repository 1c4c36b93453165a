"""Names that gunicorn users import from `util`: small services of the process and its modules."""

# ruff: noqa: PLC0415 - start-up time: what a plain start does not need is imported on demand

from __future__ import annotations

import errno
import fcntl
import os
import sys

from licorne import ondemand
from licorne.config.classes import LOGGER_ALIASES, WORKER_ALIASES
from licorne.config.classes import load_class as _load_class
from licorne.config.convert import address, working_directory
from licorne.errors import AppImportError
from licorne.importer import import_app
from licorne.system import unpatched, upgrade

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from licorne.config.convert import Address

__all__ = [
    "AppImportError", "chown", "close_on_exec", "daemonize", "getcwd", "import_app", "is_ipv6",
    "load_class", "make_fail_app", "parse_address", "seed", "set_non_blocking", "set_owner_process",
    "set_process_title", "unlink",
]  # fmt: skip

getcwd = working_directory


def parse_address(netloc: str, default_port: str = "8000") -> Address:
    """Where to listen: `(host, port)`, the path of a unix socket, or a descriptor."""
    try:
        return address(netloc, int(default_port))
    except ValueError as error:
        raise RuntimeError(str(error)) from error


def load_class(
    uri: object, default: str = WORKER_ALIASES["sync"], section: str = "gunicorn.workers"
) -> type:
    """The class that a name stands for."""
    aliases = WORKER_ALIASES if section == "gunicorn.workers" else LOGGER_ALIASES
    return _load_class(uri or default, aliases, section)


def make_fail_app(msg: str | bytes) -> WSGIApplication:
    """An application that answers every request with 500 and this text."""
    body = msg.encode() if isinstance(msg, str) else msg
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("500 Internal Server Error", fields)
        return [body]

    return application


def is_ipv6(addr: str) -> bool:
    """Whether this is an IPv6 address."""
    import socket

    try:
        socket.inet_pton(socket.AF_INET6, addr)
    except (OSError, ValueError):  # not an address; a name
        return False
    return True


def close_on_exec(fd: int) -> None:
    """Let a program that this process executes not inherit the descriptor."""
    fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.fcntl(fd, fcntl.F_GETFD) | fcntl.FD_CLOEXEC)


def set_non_blocking(fd: int) -> None:
    """Make reads and writes return at once."""
    os.set_blocking(fd, False)


def unlink(filename: str) -> None:
    """Remove a file, if it is there."""
    try:
        os.unlink(filename)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR}:
            raise


def chown(path: str, uid: int, gid: int) -> None:
    """Give a file to a user and group."""
    os.chown(path, uid, gid)


def seed() -> None:
    """Give this process its own random numbers: a fork repeats its parent's."""
    # If it was not imported, there is nothing that a fork could repeat.
    random = sys.modules.get("random")
    if random is not None:
        # A number: of anything else `seed` imports a hash, which the worker's user may not read.
        random.seed(int.from_bytes(os.urandom(64), "big"))


def set_process_title(title: str) -> None:
    """Name the process for `ps`, when the package setproctitle is installed."""
    rename = _title_setter()
    if rename is not None:
        rename(title)


def _title_setter() -> Callable[[str], object] | None:
    # Known to abort in forked processes of macOS.
    if sys.platform == "darwin":
        return None
    from importlib import import_module

    try:
        # By name: an optional package is no dependency of the type check.
        setter: Callable[[str], object] = import_module("setproctitle").setproctitle
    except ImportError:
        return None
    return setter


def set_owner_process(uid: int, gid: int, initgroups: bool = False) -> None:
    """Become this user and group, for good."""
    if gid:
        name = _user_name(uid) if initgroups and uid else None
        if name is not None:
            os.initgroups(name, gid)
        if gid != os.getgid() or gid != os.getegid():
            os.setgid(gid)
    if uid and (uid != os.getuid() or uid != os.geteuid()):
        os.setuid(uid)


def _user_name(uid: int) -> str | None:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a number without a name is in no groups
        return None


def daemonize(enable_stdio_inheritance: bool = False) -> None:
    """Leave the terminal and the parent: fork, new session, fork; standard files to /dev/null.

    A master that another one has executed (USR2) stays its child: it is a daemon already.
    """
    if upgrade.executed():
        return
    if os.environ.get("NOTIFY_SOCKET"):
        print(
            "Warning: systemd waits for the process it started, and --daemon makes it end.\n"
            "Use --daemon only without systemd's Type=notify.",
            file=sys.stderr,
        )
    if unpatched.fork():
        os._exit(0)
    os.setsid()
    if unpatched.fork():
        os._exit(0)
    os.umask(0o22)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        # With inheritance, only what is a terminal is given up: pipes of a supervisor stay.
        if not enable_stdio_inheritance or fd == 0 or os.isatty(fd):
            os.dup2(null, fd)
    if null > 2:
        unpatched.close(null)


#: gunicorn's name.
_setproctitle = set_process_title


#: gunicorn's helpers of network code.
__getattr__: Callable[[str], object] = ondemand.names_of(__name__, "licorne.legacy.util")
