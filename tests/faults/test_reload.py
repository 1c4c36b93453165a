"""HUP under load: nothing is lost, whatever the new code and the new configuration are like."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from e2e.server import open_gate
from faults.conftest import APPS
from faults.load import Load
from faults.processes import children, ended, eventually, open_as_at_first, open_at_first

if TYPE_CHECKING:
    from pathlib import Path

    from faults.conftest import Start

#: A file that changes twice within a second looks the same to Python's bytecode cache.
CHANGING = {"PYTHONPATH": str(APPS), "PYTHONDONTWRITEBYTECODE": "1"}
GOOD = "from fault_app import application\n"
BROKEN = {
    "import error": "import a_module_that_is_not_there\n",
    "syntax error": "def application(:\n",
    "exit": "raise SystemExit(0)\n",
    "abrupt end": "import os\nos._exit(1)\n",
    "no application": "application = None\n",
}
#: The line that tells of a worker that did not come to serve.
FAILED = r"\[ERROR\] (Worker \(pid:\d+\) exited with code|The application left while)"


@pytest.mark.patient
def test_ten_reloads(start: Start) -> None:
    server = start()
    before = open_at_first(server)
    with Load(server.port) as load:
        for _ in range(10):
            old = children(server.pid)
            server.send(signal.SIGHUP)
            for pid in old:
                ended(pid)
    load.tally.check_nothing_lost()
    eventually(lambda: len(children(server.pid)) == 2, "two workers")
    open_as_at_first(server, before)


@pytest.mark.parametrize("worker", ["gevent"], indirect=True)
def test_a_configuration_that_patches_the_master(start: Start) -> None:
    """gevent's close() waits for gevent's loop, which never runs in the master."""
    server = start(config="from gevent import monkey; monkey.patch_all()\n")
    before = open_at_first(server)
    for generation in (2, 3):
        server.send(signal.SIGHUP)
        server.log.wait_for(f"Reload complete: 2 workers serve, generation {generation}")
        eventually(lambda: len(children(server.pid)) == 2, "the new workers alone")
    open_as_at_first(server, before)


def test_ten_reloads_at_once(start: Start) -> None:
    server = start()
    old = children(server.pid)
    with Load(server.port) as load:
        for _ in range(10):
            server.send(signal.SIGHUP)
        for pid in old:
            ended(pid)
    load.tally.check_nothing_lost()
    eventually(lambda: len(children(server.pid)) == 2, "two workers")


def test_never_more_than_one_above_the_number(start: Start) -> None:
    """`reload_surge` is 1: a host that has memory for three workers can reload two."""
    server = start(
        config="""
def pre_fork(server, worker):
    os.write(1, f"workers beside the new one: {len(server.WORKERS)}\\n".encode())
"""
    )
    old = children(server.pid)
    server.send(signal.SIGHUP)
    for pid in old:
        ended(pid)
    counts = [int(line.split()[-1]) for line in server.output.matching("beside the new one")]
    assert counts[:2] == [0, 1]
    assert max(counts) == 2


def test_broken_code_leaves_the_old_serving(start: Start, tmp_path: Path) -> None:
    module = tmp_path / "changing.py"
    module.write_text(GOOD, encoding="ascii")
    server = start(app="changing:application", cwd=tmp_path, tracebacks=True, environment=CHANGING)
    old = children(server.pid)
    with Load(server.port) as load:
        for number, text in enumerate(BROKEN.values(), 1):
            module.write_text(text, encoding="ascii")
            failures = len(server.log.matching(FAILED))
            server.send(signal.SIGHUP)
            server.log.wait_for("Hang up: Master", number)
            server.log.wait_for(FAILED, failures + 1)
            assert set(old) <= set(children(server.pid))
        module.write_text(GOOD, encoding="ascii")
        server.send(signal.SIGHUP)
        for pid in old:
            ended(pid)
    load.tally.check_nothing_lost()
    eventually(lambda: len(children(server.pid)) == 2, "two workers")


def test_code_that_hangs_leaves_the_old_serving(start: Start, tmp_path: Path, fifo: str) -> None:
    module = tmp_path / "changing.py"
    module.write_text(GOOD, encoding="ascii")
    # A worker that hangs does not hear TERM: it is killed when its time is over.
    grace = ("--graceful-timeout", "2")
    server = start(*grace, app="changing:application", cwd=tmp_path, environment=CHANGING)
    old = children(server.pid)
    with Load(server.port) as load:
        module.write_text(f"print('imports', flush=True)\nopen({fifo!r}).read()\n{GOOD}")
        server.send(signal.SIGHUP)
        server.output.wait_for("imports")
        hanging = [pid for pid in children(server.pid) if pid not in old]
        assert len(hanging) == 1
        assert set(old) <= set(children(server.pid))
        module.write_text(GOOD, encoding="ascii")
        server.send(signal.SIGHUP)
        for pid in old:
            ended(pid)
        # What still boots old code is not waited for.
        ended(hanging[0])
    load.tally.check_nothing_lost()


def test_slow_code_is_waited_for(start: Start, tmp_path: Path, fifo: str) -> None:
    module = tmp_path / "changing.py"
    module.write_text(GOOD, encoding="ascii")
    server = start(app="changing:application", cwd=tmp_path, environment=CHANGING, workers=1)
    old = children(server.pid)
    with Load(server.port) as load:
        module.write_text(f"print('imports', flush=True)\nopen({fifo!r}).read()\n{GOOD}")
        server.send(signal.SIGHUP)
        server.output.wait_for("imports")
        assert set(old) <= set(children(server.pid))
        open_gate(fifo)
        ended(old[0])
    load.tally.check_nothing_lost()


def test_a_broken_configuration_is_refused(start: Start, tmp_path: Path) -> None:
    server = start(tracebacks=True)
    old = children(server.pid)
    file = tmp_path / "faults0.conf.py"
    good = file.read_text(encoding="ascii")
    with Load(server.port) as load:
        texts = ["workers = 'many'\n", "syntax error\n", "import nothing_of_that_name\n"]
        texts += ["raise SystemExit(1)\n", "logger_class = 'no.such.Logger'\n"]
        for number, text in enumerate(texts, 1):
            file.write_text(text, encoding="ascii")
            server.send(signal.SIGHUP)
            server.log.wait_for(r"\[ERROR\] Reload refused", number)
            assert children(server.pid) == old
        file.unlink()
        server.send(signal.SIGHUP)
        server.log.wait_for(r"\[ERROR\] Reload refused", len(texts) + 1)
        assert children(server.pid) == old
        file.write_text(good, encoding="ascii")
        server.send(signal.SIGHUP)
        for pid in old:
            ended(pid)
    load.tally.check_nothing_lost()
