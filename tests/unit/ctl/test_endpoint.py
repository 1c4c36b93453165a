"""Where a control socket may be, and whose file it is."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from licorne.ctl import endpoint, peer
from licorne.ctl.peer import Peer

linux = pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")


@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_a_path_is_made_with_its_mode_and_removed(short_path: str, mode: int) -> None:
    umask = os.umask(0)
    os.umask(umask)
    taken = endpoint.take(short_path, mode)
    found = Path(short_path).lstat().st_mode
    assert stat.S_ISSOCK(found)
    assert stat.S_IMODE(found) == mode
    assert stat.S_IMODE(Path(short_path).parent.stat().st_mode) == 0o700
    assert not os.get_inheritable(taken.sock.fileno())
    taken.close()
    assert not Path(short_path).exists()
    assert os.umask(umask) == umask


def test_a_home_that_is_not_there_is_not_made(short_path: str) -> None:
    with pytest.raises(FileNotFoundError):
        endpoint.take(str(Path(short_path) / "deeper.ctl"), 0o600)
    assert not Path(short_path).parent.exists()


def test_a_living_server_keeps_its_path_and_a_dead_one_leaves_it(short_path: str) -> None:
    first = endpoint.take(short_path, 0o600)
    with pytest.raises(OSError, match="another server listens there"):
        endpoint.take(short_path, 0o600)
    # As after a crash: the file stays, and no process listens.
    first.sock.close()
    second = endpoint.take(short_path, 0o600)
    # What the first one does later does not concern the file of the second.
    first.close()
    assert Path(short_path).exists()
    second.close()
    assert not Path(short_path).exists()


def test_a_server_with_a_full_backlog_lives(short_path: str) -> None:
    taken = endpoint.take(short_path, 0o600)
    waiting = []
    try:
        for _ in range(endpoint.BACKLOG + 2):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            waiting.append(client)
            if client.connect_ex(short_path):
                break
        with pytest.raises(OSError, match="another server listens there"):
            endpoint.take(short_path, 0o600)
    finally:
        for client in waiting:
            client.close()
        taken.close()


def test_a_file_of_another_kind_is_not_touched(short_path: str) -> None:
    Path(short_path).parent.mkdir()
    Path(short_path).write_text("mine")
    with pytest.raises(FileExistsError, match="another kind"):
        endpoint.take(short_path, 0o600)
    assert Path(short_path).read_text() == "mine"


def test_another_process_does_not_remove_the_file(short_path: str) -> None:
    taken = endpoint.take(short_path, 0o600)
    pid = os.fork()
    if pid == 0:
        taken.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert Path(short_path).exists()
    taken.close()


def test_a_path_that_is_too_long_is_refused(short_path: str) -> None:
    Path(short_path).parent.mkdir()
    with pytest.raises(OSError, match="too long"):
        endpoint.take(f"{short_path}{'x' * 120}", 0o600)


@linux
def test_abstract_names_get_out_of_each_others_way() -> None:
    pid = os.getpid()
    first, second = endpoint.take_abstract(pid), endpoint.take_abstract(pid)
    assert first.name == f"@licorne-ctl-{pid}"
    assert second.name.startswith(f"{first.name}-")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(endpoint.address(second.name))
        assert peer.peer_of(client) == Peer(pid, os.geteuid(), 1)
        assert peer.stranger(client) == ""
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("found", "trusted"),
    [
        (Peer(10, 1000, 1), True),
        (Peer(10, 0, 1), True),
        (Peer(10, 1001, 1), False),
        (Peer(10, 0, 2), False),
        (Peer(0, 1000, 0), False),
    ],
)
def test_which_peers_an_abstract_socket_trusts(found: Peer, trusted: bool) -> None:
    assert (peer.objection(found, 1000) == "") is trusted
