"""For all tests: what they start obeys signals as at a terminal, and leaves nothing in a home."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What Python ignores in each of its processes, and `subprocess` sets back in those it starts.
PYTHONS_OWN = {signal.SIGPIPE, signal.SIGXFSZ}


def default_dispositions() -> None:
    """Let every process that this one starts have the default dispositions and no signal blocked.

    A shell without job control starts what stands before `&` with SIGINT ignored, `nohup` ignores
    SIGHUP, and a new program inherits both (POSIX.1, execve). A signal that is caught has its
    default there again: so what is ignored here is caught, and nothing done about it.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    for number in signal.valid_signals() - PYTHONS_OWN:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)


default_dispositions()
# What pytest makes of the test modules is kept for the next run, and for the runs beside this one:
# to make it is most of what collecting costs. Servers and tests do as the environment says.
BYTECODE_UNWANTED, sys.dont_write_bytecode = sys.dont_write_bytecode, False
# Thousands of tests are collected, and all of them stay: looking through them again and again would
# cost as much.
gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the patient tests over a run of all: while they wait, the others compute.

    The processes of pytest-xdist begin with equal parts of the list. The last quarter of each is
    left to short tests, so that no process is still at a long one when the others have ended.
    """
    patient = [item for item in items if item.get_closest_marker("patient")]
    others = [item for item in items if not item.get_closest_marker("patient")]
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items.clear()
    for number in range(processes):
        part = slice(len(others) * number // processes, len(others) * (number + 1) // processes)
        items += mixed(patient[number::processes], others[part])


def mixed(few: list[pytest.Item], many: list[pytest.Item]) -> list[pytest.Item]:
    """Some of the few after each file of the many, so that the fixtures of a file are made once."""
    files = [list(group) for _, group in groupby(many, key=lambda item: item.path)]
    places = max(1, len(files) * 3 // 4)
    result: list[pytest.Item] = []
    for place, file in enumerate(files):
        result += file
        if place < places:
            result += few[len(few) * place // places : len(few) * (place + 1) // places]
    return result if files else few


def pytest_collection_finish() -> None:
    """What is there now is looked at no more, only what tests leave."""
    sys.dont_write_bytecode = BYTECODE_UNWANTED
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def runtime_directory() -> Iterator[str]:
    """The place of control sockets that no test has chosen."""
    with tempfile.TemporaryDirectory(prefix="lc") as folder:
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = folder
        yield folder
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
