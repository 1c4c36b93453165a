"""`licornectl top`: workers and the requests in hand, again every second. q or Ctrl-C ends it."""

from __future__ import annotations

import select
import shutil
import sys
import termios
import tty

from licorne.ctl.tables import shown, worker_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne.ctl.protocol import Json

#: Seconds between two looks.
PERIOD = 1.0
#: Cursor home; clear to the end of the line; clear to the end of the screen (ECMA-48).
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def top(ask: Callable[[str], Json]) -> None:
    """Show the server until a key is pressed; once only where there is no terminal."""
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        print("\n".join(page(ask)))
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    try:
        while not _seen_enough(ask):
            pass
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
        print()


def _seen_enough(ask: Callable[[str], Json]) -> bool:
    """Draw once; whether q was typed before the next look is due."""
    width, height = shutil.get_terminal_size()
    lines = [line[:width] + _REST_OF_LINE for line in page(ask)[: height - 1]]
    sys.stdout.write(_HOME + "\r\n".join(lines) + _REST_OF_SCREEN)
    sys.stdout.flush()
    typed, _, _ = select.select([sys.stdin], [], [], PERIOD)
    return bool(typed) and sys.stdin.read(1) in {"q", "Q", ""}


def page(ask: Callable[[str], Json]) -> list[str]:
    """What is on the screen."""
    status, workers = ask("status"), ask("workers brief")
    lines = shown("status", status).splitlines()
    return [*lines, "", *(worker_lines(workers) if isinstance(workers, dict) else [])]
