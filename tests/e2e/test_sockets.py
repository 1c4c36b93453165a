"""Where a server listens: every kind of address, and what is left of it at the end."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e import transport
from e2e.client import Client

if TYPE_CHECKING:
    from e2e.server import Serve

#: Opens a socket as descriptor 7 and becomes licorne.
HANDING = """
import os, socket, sys
opened = socket.create_server(("127.0.0.1", 0))
os.dup2(opened.fileno(), 7)
os.execv(sys.executable, [sys.executable, "-m", "licorne", *sys.argv[1:]])
"""


def body(client: Client) -> bytes:
    """What the front page says on this connection."""
    with client:
        client.get("/")
        return client.response().body


def ipv6_loopback() -> bool:
    """Whether this machine has ::1."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_several_at_once(args: tuple[str, ...], serve: Serve, short_tmp: str) -> None:
    path = f"{short_tmp}/x.sock"
    binds = ("127.0.0.1:0", f"unix:{path}", "127.0.0.1:0")
    server = serve("site_app", *args, bind=binds)
    port = rf"{transport.SCHEME}://127\.0\.0\.1:(\d+)"
    found = server.log.wait_for(rf"Listening at: {port},unix:{path},{port} ")
    for each in found.groups():
        assert body(Client.tcp(int(each))) == b"hello"
    assert body(Client.unix(path)) == b"hello"
    assert server.stop() == 0
    assert not Path(path).exists()


@pytest.mark.skipif(not ipv6_loopback(), reason="this machine has no ::1")
def test_ipv6(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, bind=["[::1]:0"])
    port = int(server.log.wait_for(r"Listening at: http://\[::1\]:(\d+)").group(1))
    assert body(Client(socket.create_connection(("::1", port), 20))) == b"hello"


def test_an_inherited_descriptor(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, bind=["fd://7"], program=("-c", HANDING))
    assert server.get("/") == (200, b"hello")


@pytest.mark.skipif(not hasattr(socket, "SO_PASSCRED"), reason="abstract names are Linux's")
@pytest.mark.parametrize("form", ["@", "\\0"])
def test_an_abstract_name(serve: Serve, tmp_path: Path, form: str) -> None:
    name = f"licorne-e2e-{os.getpid()}"
    configuration = tmp_path / "c.py"
    configuration.write_text(f'bind = "unix:{form}{name}"\n', encoding="ascii")
    server = serve("site_app", "-c", str(configuration), bind=[])
    server.log.wait_for(f"Listening at: unix:@{name} ")
    assert body(Client.unix(f"\0{name}")) == b"hello"


def test_a_file_under_umask_in_place_of_a_dead_one(serve: Serve, short_tmp: str) -> None:
    path = Path(short_tmp) / "x.sock"
    first = serve("site_app", bind=[f"unix:{path}"])
    first.worker_pid()
    first.kill()
    assert path.exists()
    second = serve("site_app", "--umask", "0117", bind=[f"unix:{path}"])
    second.worker_pid()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert body(Client.unix(str(path))) == b"hello"
    assert second.stop() == 0
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_belongs_to_the_workers(serve: Serve, short_tmp: str) -> None:
    path = Path(short_tmp) / "x.sock"
    server = serve("identity_app", "-u", "65534", "-g", "65534", bind=[f"unix:{path}"])
    server.worker_pid()
    assert body(Client.unix(str(path))).startswith(b"uid 65534\ngid 65534\n")
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_a_file_of_another_kind_stays(serve: Serve, short_tmp: str) -> None:
    path = Path(short_tmp) / "data"
    path.write_text("precious", encoding="ascii")
    server = serve("site_app", bind=[f"unix:{path}"])
    assert server.wait() == 1
    server.log.wait_for(f"Cannot listen at unix:{path}: there is a file of another kind")
    assert path.read_text(encoding="ascii") == "precious"


def test_a_living_server_keeps_its_file(serve: Serve, short_tmp: str) -> None:
    path = Path(short_tmp) / "x.sock"
    first = serve("site_app", bind=[f"unix:{path}"])
    first.worker_pid()
    second = serve("site_app", bind=[f"unix:{path}"])
    assert second.wait() == 1
    assert len(second.log.matching(f"Connection in use: {path}")) == 5
    second.log.wait_for(f"Can't connect to {path}")
    assert body(Client.unix(str(path))) == b"hello"


def test_a_reload_moves_to_another_address(serve: Serve, short_tmp: str, tmp_path: Path) -> None:
    one, two = f"{short_tmp}/1.sock", f"{short_tmp}/2.sock"
    configuration = tmp_path / "c.py"
    configuration.write_text(f'bind = ["unix:{one}"]\n', encoding="ascii")
    server = serve("site_app", "-c", str(configuration), bind=[])
    first = server.worker_pid()
    assert body(Client.unix(one)) == b"hello"
    configuration.write_text(f'bind = ["unix:{two}"]\n', encoding="ascii")
    server.send(signal.SIGHUP)
    server.log.wait_for(f"Listening at: unix:{two}")
    assert not Path(one).exists()
    server.log.wait_for(rf"Worker exiting \(pid: {first}\)")
    assert body(Client.unix(two)) == b"hello"
    assert server.stop() == 0
    assert not Path(two).exists()
