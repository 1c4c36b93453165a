"""After an upgrade (USR2): have systemd see that the new master is a child of its own.

systemd looks at the parent of a main process once, when it is announced, and the new master is the
old one's child then. systemd waits for its own children alone: without what is done here,
`systemctl stop` with KillMode=mixed kills the new master at once, and requests with it.

Announcing the same process again changes nothing, so a helper is the main process in between.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from licorne.system import process, unpatched
from licorne.systemd import notify, sd_notify_barrier

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Sequence
    from io import FileIO
    from typing import NoReturn

    from licorne.glogging import Logger

#: Longest time, in seconds, that the master waits: systemd may be busy, or nothing reads at all.
PATIENCE = 5.0
#: Longest life of the helper. Were it to end between the two messages, systemd would have a main
#: process that is gone, and refuse what the master says.
LIFE = 60.0


def announce_again(
    log: Logger, signals: Sequence[signal.Signals], let_go: Callable[[], None]
) -> None:
    """Have systemd take this process as the main one anew; a warning says when that fails."""
    try:
        _exchange(signals, let_go)
    except OSError as error:
        log.warning(
            "systemd may not know that this master is its child now: %s. Until the service is "
            "restarted, `systemctl stop` may end it without waiting for its requests.",
            error,
        )


def _exchange(signals: Sequence[signal.Signals], let_go: Callable[[], None]) -> None:
    with ExitStack() as files:
        go, start = _pipe(files)
        said, saying = _pipe(files)
        master = os.getpid()
        helper = process.fork(signals)
        if not helper:
            start.close()
            _be_main(master, go, saying, let_go)
        saying.close()
        notify(f"MAINPID={helper}")
        # From here on systemd believes the helper only.
        start.write(b"!")
        waiting = unpatched.poll()
        # Its end is told without being asked for.
        waiting.register(said, 0)
        if not waiting.poll(PATIENCE * 1000):
            # The helper goes on alone; it is reaped like any child that is no worker.
            raise TimeoutError(f"no answer within {PATIENCE:g} s")
        told = said.readall()
    # It has closed its pipe, so it ends. Here, so that the planner never hears of it.
    code = os.waitstatus_to_exitcode(unpatched.waitpid(helper, 0)[1])
    if code:
        raise ChildProcessError(told.decode() or f"the helper process ended with code {code}")


def _pipe(files: ExitStack) -> tuple[FileIO, FileIO]:
    reading, writing = os.pipe()
    return (
        files.enter_context(open(reading, "rb", 0)),
        files.enter_context(open(writing, "wb", 0)),
    )


def _be_main(master: int, go: FileIO, saying: FileIO, let_go: Callable[[], None]) -> NoReturn:
    """In the helper: be the main process, and give that back to the master."""
    code = 1
    try:
        let_go()
        # Nothing comes when the master could not announce the helper, or has ended.
        if go.read(1):
            notify(f"MAINPID={master}")
            # systemd asks the kernel whose message it is: the sender has to live until it is read.
            sd_notify_barrier(LIFE)
        code = 0
    except OSError as error:
        saying.write(str(error).encode())
    finally:
        os._exit(code)
