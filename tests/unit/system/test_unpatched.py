"""System calls of the master, in a process that gevent or eventlet has patched."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

PROGRAM = """
import os, select, signal
before = {
    "fork": os.fork, "waitpid": os.waitpid, "poll": select.poll, "set_handler": signal.signal,
    "set_wakeup_fd": signal.set_wakeup_fd, "close": os.close,
}
{patch}
from licorne.system import unpatched
{check}
read, write = os.pipe()
pid = unpatched.fork()
if pid == 0:
    unpatched.begin_again()
    os._exit(7)
assert os.waitstatus_to_exitcode(unpatched.waitpid(pid, 0)[1]) == 7
poller = unpatched.poll()
poller.register(read)
os.write(write, b"x")
assert poller.poll(20000)[0][0] == read
caught = []
unpatched.set_handler(signal.SIGCHLD, lambda *_: caught.append(1))
signal.raise_signal(signal.SIGCHLD)
assert caught == [1]
"""


@pytest.mark.parametrize(
    ("library", "patch", "check"),
    [
        ("", "", "for name, each in before.items(): assert getattr(unpatched, name) is each"),
        (
            "gevent",
            "from gevent import monkey; monkey.patch_all(); import gevent; gevent.get_hub()",
            "for name, each in before.items(): assert getattr(unpatched, name) is each, name",
        ),
        (
            "eventlet",
            "import eventlet; eventlet.monkey_patch()",
            "assert not hasattr(select, 'poll')",
        ),
    ],
    ids=["plain", "gevent", "eventlet"],
)
def test_they_are_the_interpreter_s_own(library: str, patch: str, check: str) -> None:
    # Not imported here: eventlet warns of every fork afterwards.
    if library and importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    program = PROGRAM.replace("{patch}", patch).replace("{check}", check)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_what_is_not_there() -> None:
    from licorne.system import unpatched  # noqa: PLC0415 - its names are looked up when asked for

    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = unpatched.nope  # type: ignore[attr-defined]
