"""The tables of the master: what signals and exit codes mean, and what the log says of ends."""

from __future__ import annotations

from enum import Enum

from licorne.supervisor.actions import Log


class Command(Enum):
    """What a signal asks of the master."""

    RELOAD = "reload"
    STOP = "stop"
    QUIT = "quit"
    GROW = "grow"
    SHRINK = "shrink"
    REOPEN = "reopen"
    UPGRADE = "upgrade"
    LAY_OFF = "lay off"


#: gunicorn's signals. CHLD is not among them: reaping is no decision.
COMMANDS = {
    "HUP": Command.RELOAD,
    "TERM": Command.STOP,
    "INT": Command.QUIT,
    "QUIT": Command.QUIT,
    "TTIN": Command.GROW,
    "TTOU": Command.SHRINK,
    "USR1": Command.REOPEN,
    "USR2": Command.UPGRADE,
    "WINCH": Command.LAY_OFF,
}

#: Exit codes by which a worker says that it cannot work, with gunicorn's reasons.
BOOT_ERRORS = {3: "Worker failed to boot.", 4: "App failed to load."}

#: Seconds until the next fork after the first failure to boot in a row (and after each crash from
#: the second in a row on), and the most.
FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
#: A worker that ends badly this soon after it was ready counts as a failure to boot; if it had
#: answered a request, as a crash, of which the first in a row delays nothing.
YOUNG = 1.0
#: Seconds within which a silent worker is sent ABRT: the log says before what it is busy with.
ABORT_WAIT = 5.0
#: Seconds between ABRT and KILL.
ABORT_GRACE = 1.0
#: Seconds that a quick shutdown gives.
QUICK_GRACE = 2.0
#: The worker gives up its requests at graceful_timeout by itself: the master kills a little later.
SLACK = 0.5
#: Seconds of booting until the first line that says so, and how much longer until each next one.
FIRST_PATIENCE = 10.0
MORE_PATIENCE = 3.0
#: Seconds between two looks at the workers, at the most, for the second one to find one silent.
MOST_BETWEEN_LOOKS = 2.5
#: From so many seconds before a worker may count as silent, the master looks each second: when it
#: does count, the last pause between two looks is long enough ago.
BEFORE_SILENCE = MOST_BETWEEN_LOOKS + 1.5
#: Ended workers that are remembered.
MEMORY = 32


def delay_after(failures: int) -> float:
    """How long to wait before the next fork: 0.1 s, doubling up to 30 s."""
    if failures <= 0:
        return 0.0
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 16))


def cause_of_end(code: int, signal: str) -> str:
    """Why a worker is gone that was not told to go, in a word or two."""
    if signal:
        return signal
    return f"exit code {code}" if code else "ended by itself"


def exit_message(pid: int, code: int, signal: str, killed: bool) -> Log | None:
    """The log line for a worker's end; None for an ordinary one."""
    if signal == "SIGKILL":
        why = "It did not stop in time." if killed else "Perhaps out of memory?"
        return Log("error", "Worker (pid:%s) was sent SIGKILL! %s", (pid, why))
    if signal:
        level = "info" if signal == "SIGTERM" else "warning"
        return Log(level, "Worker (pid:%s) was sent %s!", (pid, signal))
    if code:
        return Log("error", "Worker (pid:%s) exited with code %s.", (pid, code))
    return None
