"""What `--check-config` asks the machine: would a start with these settings come through?

Nothing is bound, written or changed. Each answer is a sentence with the setting, its value, where
it came from, and the remedy.
"""

from __future__ import annotations

import errno
import os
import socket
import stat

from licorne.config.check import given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne.config.config import Config

#: Set by administrators, else 1024 (ip(7)).
LOWEST_PORT = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#: The bit of the right to bind any port (capabilities(7)).
CAP_NET_BIND_SERVICE = 10


def complaints(cfg: Config) -> Iterator[str]:
    """What a start would fail over."""
    for rule in (_addresses, redirects, _files, _directories, _identity):
        yield from rule(cfg)


def _addresses(cfg: Config) -> Iterator[str]:
    wished = [("bind", text, at) for text, at in zip(cfg.bind, cfg.address, strict=True)]
    redirects = zip(cfg.redirect_http, cfg.redirect_addresses, strict=True)
    wished += [("redirect_http", text, at) for text, at in redirects]
    metrics = cfg.metrics_address
    if metrics is not None:
        wished.append(("metrics_bind", cfg.metrics_bind, metrics))
    for name, text, address in wished:
        if isinstance(address, int):
            problem = _descriptor(address)
        elif isinstance(address, str):
            problem = _unix_path(address)
        else:
            problem = _host_port(*address)
        if problem:
            yield f"{given(cfg, name, text)}: {problem}"


def redirects(cfg: Config) -> Iterator[str]:
    """Only workers on the engine answer there; a start refuses others in the same words."""
    if cfg.redirect_http and not getattr(cfg.worker_class, "on_engine", False):
        said = f"the worker class {cfg.worker_class_str} has network code of its own, without it."
        remedy = "Use one of licorne's, such as gthread or asgi, or redirect in front of it."
        yield f"{given(cfg, 'redirect_http', cfg.redirect_http)}: {said} {remedy}"


def _descriptor(number: int) -> str:
    try:
        mode = os.fstat(number).st_mode
    except OSError:
        return "no such descriptor is open; let the supervisor hand it over, or give an address."
    return "" if stat.S_ISSOCK(mode) else "the descriptor is no socket; give one that is."


def _unix_path(path: str) -> str:
    if path.startswith("\0"):
        return ""
    problem = _no_room(path)
    if not problem and os.path.exists(path) and not stat.S_ISSOCK(os.stat(path).st_mode):
        return "there is a file of another kind; remove it or name another path."
    return problem


def _host_port(host: str, port: int) -> str:
    try:
        # Sockets are bound by name; resolving is the part that needs no binding.
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return f"the host is unknown here ({error}); give an address of this machine or 0.0.0.0."
    if port and port < _lowest_port():
        return f"only root may listen at port {port}; give a port from {_lowest_port()} on."
    return ""


def _lowest_port() -> int:
    if os.geteuid() == 0:
        return 0
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            rights = next(line for line in file if line.startswith("CapEff:"))
        with open(LOWEST_PORT, encoding="ascii") as file:
            lowest = int(file.read())
    except (OSError, ValueError, StopIteration):
        return 1024  # not Linux
    return 0 if int(rights.split()[1], 16) >> CAP_NET_BIND_SERVICE & 1 else lowest


def _files(cfg: Config) -> Iterator[str]:
    for name in ("accesslog", "errorlog", "pidfile"):
        path = cfg.values[name]
        if name != "pidfile" and path == "":
            yield f"{given(cfg, name, path)}: give the name of a file, or - for the terminal."
        elif isinstance(path, str) and path not in {"", "-"}:
            problem = _not_writable(path)
            if problem:
                yield f"{given(cfg, name, path)}: {problem}"


def _directories(cfg: Config) -> Iterator[str]:
    path = cfg.tmp_upload_dir
    if path is not None and not (os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)):
        yield (
            f"{given(cfg, 'tmp_upload_dir', path)}: this is no directory that can be written to; "
            "create it, or change its owner."
        )


def _not_writable(path: str) -> str:
    if not os.path.exists(path):
        return _no_room(path)
    if os.path.isdir(path):
        return "this is a directory; give the name of a file."
    return "" if os.access(path, os.W_OK) else f"{os.strerror(errno.EACCES)}; change its owner."


def _no_room(path: str) -> str:
    """Why no file can be made at the path."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        return f"there is no directory {folder}; create it."
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"the directory {folder} cannot be written to; change its owner."
    return ""


def _identity(cfg: Config) -> Iterator[str]:
    me = os.geteuid()
    for name, wanted, present in (("user", cfg.user, me), ("group", cfg.group, os.getegid())):
        if me != 0 and wanted != present:
            yield f"{given(cfg, name, wanted)}: only root can become another {name}; start as root."
    if cfg.initgroups and cfg.user:
        import pwd  # noqa: PLC0415 - only with initgroups

        try:
            pwd.getpwuid(cfg.user)
        except KeyError:
            yield (
                f"{given(cfg, 'user', cfg.user)}: no user of this system has this number, so "
                "initgroups cannot find its groups; name a user that exists."
            )
