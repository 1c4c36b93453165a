"""Listening sockets."""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from licorne import sock
from licorne.config import Config
from licorne.errors import ConfigError
from licorne.glogging import Logger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def log() -> Iterator[Logger]:
    logger = Logger(Config())
    yield logger
    for each in (logger.error_log, logger.access_log):
        each.handlers.clear()


def configured(*bind: str, **settings: object) -> Config:
    cfg = Config()
    cfg.set("bind", list(bind))
    for name, value in settings.items():
        cfg.set(name, value)
    return cfg


def test_tcp(log: Logger) -> None:
    (made,) = sock.create_sockets(configured("127.0.0.1:0"), log)
    try:
        host, port = made.sock.getsockname()
        assert str(made) == f"http://127.0.0.1:{port}"
        assert host == "127.0.0.1"
        assert isinstance(made, sock.TCPSocket)
        assert made.FAMILY == socket.AF_INET
        assert not made.sock.getblocking()
        assert made.sock.get_inheritable()
        assert made.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        with socket.create_connection((host, port)):
            pass
    finally:
        sock.close_sockets([made])


def test_tcp6(log: Logger) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    try:
        (made,) = sock.create_sockets(configured("[::1]:0"), log)
    except SystemExit:
        pytest.skip("no IPv6 loopback")
    try:
        assert str(made) == f"http://[::1]:{made.sock.getsockname()[1]}"
    finally:
        sock.close_sockets([made])


def test_unix(log: Logger, tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    cfg = configured(f"unix:{path}", umask="077")
    (made,) = sock.create_sockets(cfg, log)
    assert str(made) == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    sock.close_sockets([made], unlink=False)
    assert path.exists()
    # The file of an earlier run is replaced.
    (again,) = sock.create_sockets(cfg, log)
    sock.close_sockets([again])
    assert not path.exists()


def test_a_living_server_keeps_its_unix_socket(
    log: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sock, "PAUSE", 0)
    log.error_log.addHandler(caplog.handler)
    cfg = configured(f"unix:{tmp_path}/x.sock")
    (living,) = sock.create_sockets(cfg, log)
    with pytest.raises(SystemExit):
        sock.create_sockets(cfg, log)
    assert f"Connection in use: {tmp_path}/x.sock" in caplog.messages
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{tmp_path}/x.sock")
    sock.close_sockets([living])


def test_the_file_of_another_server_stays(log: Logger, tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    cfg = configured(f"unix:{path}")
    (old,) = sock.create_sockets(cfg, log)
    # Another server has put its own in its place.
    path.unlink()
    (new,) = sock.create_sockets(cfg, log)
    sock.close_sockets([old])
    assert path.exists()
    sock.close_sockets([new])
    assert not path.exists()


def test_a_fork_does_not_remove_the_file_of_its_parent(
    log: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.sock"
    (made,) = sock.create_sockets(configured(f"unix:{path}"), log)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    made.unlink()
    assert path.exists()
    monkeypatch.undo()
    sock.close_sockets([made])
    assert not path.exists()


@pytest.mark.parametrize("owned", [False, True])
def test_the_file_of_an_inherited_socket(log: Logger, tmp_path: Path, owned: bool) -> None:
    """systemd's stays; that of an older master is ours to remove."""
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(str(path))
        given.listen(7)
        fds = [os.dup(given.fileno())]
        (made,) = sock.create_sockets(configured("127.0.0.1:1"), log, fds, owned=owned)
        assert str(made) == f"unix:{path}"
        sock.close_sockets([made])
        assert path.exists() is not owned


def test_a_file_that_is_no_socket_stays(log: Logger, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("precious")
    with pytest.raises(ConfigError, match="a file of another kind"):
        sock.create_sockets(configured(f"unix:{path}"), log)
    assert path.read_text() == "precious"


@pytest.mark.skipif(not hasattr(socket, "SO_PASSCRED"), reason="abstract names are Linux's")
@pytest.mark.parametrize("mark", ["\0", "@"])
def test_abstract(log: Logger, mark: str) -> None:
    name = f"licorne-test-{os.getpid()}"
    (made,) = sock.create_sockets(configured(f"unix:{mark}{name}"), log)
    assert str(made) == f"unix:@{name}"
    assert made.getsockname() == f"\0{name}"
    (adopted,) = sock.create_sockets(configured("127.0.0.1:1"), log, [os.dup(made.fileno())])
    assert str(adopted) == f"unix:@{name}"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{name}")
    sock.close_sockets([made, adopted])


def test_an_inherited_descriptor_is_the_only_one_used(log: Logger) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        cfg = configured(f"fd://{os.dup(given.fileno())}", "127.0.0.1:1")
        (made,) = sock.create_sockets(cfg, log)
        assert made.getsockname() == given.getsockname()
        assert isinstance(made, sock.TCPSocket)
        sock.close_sockets([made])


def test_a_descriptor_that_is_no_socket(log: Logger) -> None:
    with pytest.raises(RuntimeError, match="Descriptor 0 is not an open socket"):
        sock.create_sockets(configured("fd://0"), log)


def test_an_address_in_use(
    log: Logger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sock, "PAUSE", 0)
    log.error_log.addHandler(caplog.handler)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        address = holder.getsockname()
        with pytest.raises(SystemExit) as ended:
            sock.create_sockets(configured(f"127.0.0.1:{address[1]}"), log)
    assert ended.value.code == 1
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert said.count(f"Connection in use: {address}") == 5
    assert said[-1] == f"Can't connect to {address}"
    assert f"[Errno {errno.EADDRINUSE}]" in said[1]


def test_an_address_of_another_machine_is_not_tried_again(
    log: Logger, caplog: pytest.LogCaptureFixture
) -> None:
    log.error_log.addHandler(caplog.handler)
    # RFC 5737: an address for documentation, on no machine.
    with pytest.raises(SystemExit):
        sock.create_sockets(configured("192.0.2.1:80"), log)
    assert caplog.messages[0] == "Invalid address: ('192.0.2.1', 80)"
    assert len(caplog.messages) == 3


def test_one_bad_address_closes_the_good_ones(log: Logger, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.touch()
    good = tmp_path / "good.sock"
    with pytest.raises(ConfigError, match="a file of another kind"):
        sock.create_sockets(configured(f"unix:{good}", f"unix:{path}"), log)
    assert not good.exists()


def test_reuse_port(log: Logger) -> None:
    cfg = configured("127.0.0.1:0", reuse_port=True)
    (first,) = sock.create_sockets(cfg, log)
    port = first.sock.getsockname()[1]
    (second,) = sock.create_sockets(configured(f"127.0.0.1:{port}", reuse_port=True), log)
    sock.close_sockets([first, second])


def redirecting(*addresses: str) -> Config:
    cfg = configured("127.0.0.1:0")
    cfg.set("self_signed", True)
    cfg.set("redirect_http", list(addresses))
    return cfg


def test_sockets_that_send_clients_on(log: Logger, tmp_path: Path) -> None:
    cfg = redirecting("localhost:0")
    made = sock.with_redirects(sock.create_sockets(cfg, log), cfg, log)
    assert [each.redirects for each in made] == [False, True]
    assert [str(each).partition(":")[0] for each in made] == ["https", "http"]
    before = made[0].fileno()
    cfg = redirecting(f"unix:{tmp_path}/plain")
    made = sock.with_redirects(sock.rebind(made, cfg, log), cfg, log)
    assert [each.redirects for each in made] == [False, True]
    assert made[0].fileno() == before
    assert str(made[1]) == f"unix:{tmp_path}/plain"
    sock.close_sockets(made)


def test_inherited_sockets_that_send_clients_on(log: Logger, tmp_path: Path) -> None:
    """Those of systemd are known by their addresses; what is missing is opened."""
    plain, tls = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    with plain, tls:
        cfg = redirecting(f"127.0.0.1:{plain.getsockname()[1]}", f"unix:{tmp_path}/plain")
        fds = [os.dup(plain.fileno()), os.dup(tls.fileno())]
        made = sock.with_redirects(sock.create_sockets(cfg, log, fds), cfg, log)
        assert [each.getsockname() for each in made] == [
            tls.getsockname(),
            plain.getsockname(),
            f"{tmp_path}/plain",
        ]
        assert [each.redirects for each in made] == [False, True, True]
        sock.close_sockets(made)
