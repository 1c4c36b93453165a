"""Where a control socket may be, and whose file it is."""

from __future__ import annotations

import os
import socket
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from licorne.ctl import peer, place
from licorne.ctl.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Iterator

linux = pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")


@pytest.fixture
def path() -> Iterator[str]:
    """A path that is short enough, in a folder that is not there yet."""
    with tempfile.TemporaryDirectory(prefix="lc") as folder:
        yield str(Path(folder) / "sub" / "x.ctl")


@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_a_path_is_made_with_its_mode_and_removed(path: str, mode: int) -> None:
    umask = os.umask(0)
    os.umask(umask)
    taken = place.take(path, mode)
    found = Path(path).lstat().st_mode
    assert stat.S_ISSOCK(found)
    assert stat.S_IMODE(found) == mode
    assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700
    assert not os.get_inheritable(taken.sock.fileno())
    taken.close()
    assert not Path(path).exists()
    assert os.umask(umask) == umask


def test_a_home_that_is_not_there_is_not_made(path: str) -> None:
    with pytest.raises(FileNotFoundError):
        place.take(str(Path(path) / "deeper.ctl"), 0o600)
    assert not Path(path).parent.exists()


def test_a_living_server_keeps_its_path_and_a_dead_one_leaves_it(path: str) -> None:
    first = place.take(path, 0o600)
    with pytest.raises(OSError, match="another server listens there"):
        place.take(path, 0o600)
    # As after a crash: the file stays, nobody listens.
    first.sock.close()
    second = place.take(path, 0o600)
    # What the first one does later does not concern the file of the second.
    first.close()
    assert Path(path).exists()
    second.close()
    assert not Path(path).exists()


def test_a_server_with_a_full_backlog_lives(path: str) -> None:
    taken = place.take(path, 0o600)
    waiting = []
    try:
        for _ in range(place.BACKLOG + 2):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            waiting.append(client)
            if client.connect_ex(path):
                break
        with pytest.raises(OSError, match="another server listens there"):
            place.take(path, 0o600)
    finally:
        for client in waiting:
            client.close()
        taken.close()


def test_a_file_of_another_kind_is_not_touched(path: str) -> None:
    Path(path).parent.mkdir()
    Path(path).write_text("mine")
    with pytest.raises(FileExistsError, match="another kind"):
        place.take(path, 0o600)
    assert Path(path).read_text() == "mine"


def test_another_process_does_not_remove_the_file(path: str) -> None:
    taken = place.take(path, 0o600)
    pid = os.fork()
    if pid == 0:
        taken.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert Path(path).exists()
    taken.close()


def test_a_path_that_is_too_long_is_refused(path: str) -> None:
    Path(path).parent.mkdir()
    with pytest.raises(OSError, match="too long"):
        place.take(f"{path}{'x' * 120}", 0o600)


@linux
def test_abstract_names_get_out_of_each_others_way() -> None:
    pid = os.getpid()
    first, second = place.take_abstract(pid), place.take_abstract(pid)
    assert first.name == f"@licorne-ctl-{pid}"
    assert second.name.startswith(f"{first.name}-")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(place.address(second.name))
        assert peer.peer_of(client) == Peer(pid, os.geteuid(), 1)
        assert peer.stranger(client) == ""
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("who", "trusted"),
    [
        (Peer(10, 1000, 1), True),
        (Peer(10, 0, 1), True),
        (Peer(10, 1001, 1), False),
        (Peer(10, 0, 2), False),
        (Peer(0, 1000, 0), False),
    ],
)
def test_whom_an_abstract_socket_trusts(who: Peer, trusted: bool) -> None:
    assert (peer.objection(who, 1000) == "") is trusted
