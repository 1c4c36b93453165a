"""What each signal does to the master, by gunicorn's names: for programs that override or call it.

A handler runs in the master's loop, not while the signal comes in; the planner decides what becomes
of it.
"""

from __future__ import annotations

import signal

from licorne.supervisor import events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar


class SignalHandlers:
    """One method for each signal of the master; CHLD has none, as every turn of the loop reaps."""

    #: The signals that the master takes. A list, as in gunicorn: programs take some out.
    SIGNALS: list[signal.Signals] = [  # noqa: RUF012 - shared on purpose
        signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGTERM, signal.SIGTTIN,
        signal.SIGTTOU, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGCHLD,
    ]  # fmt: skip

    #: The signals by number, as the methods are named.
    SIG_NAMES: ClassVar[dict[int, str]] = {
        each.value: each.name[3:].lower() for each in signal.Signals
    }

    def decide(self, event: events.Event) -> None:
        """Have an event decided by the planner."""
        raise NotImplementedError

    def obey(self, number: int) -> None:
        """Do what a signal means here; nothing, for one that has no handler."""
        if number == signal.SIGCHLD:
            # Programs have a `handle_chld` of their own, with arguments or without.
            return
        name = self.SIG_NAMES.get(number, "")
        handler: Callable[[], None] | None = getattr(self, f"handle_{name}", None)
        if handler is not None:
            handler()

    def handle_hup(self) -> None:
        """Reload."""
        self.decide(events.Signalled("HUP"))

    def handle_term(self) -> None:
        """Stop when the requests are done."""
        self.decide(events.Signalled("TERM"))

    def handle_int(self) -> None:
        """Stop at once."""
        self.decide(events.Signalled("INT"))

    def handle_quit(self) -> None:
        """Stop at once."""
        self.decide(events.Signalled("QUIT"))

    def handle_ttin(self) -> None:
        """One worker more."""
        self.decide(events.Signalled("TTIN"))

    def handle_ttou(self) -> None:
        """One worker less."""
        self.decide(events.Signalled("TTOU"))

    def handle_usr1(self) -> None:
        """Open the log files anew."""
        self.decide(events.Signalled("USR1"))

    def handle_usr2(self) -> None:
        """Start a new master beside this one."""
        self.decide(events.Signalled("USR2"))

    def handle_winch(self) -> None:
        """Lay off the workers of a daemon."""
        self.decide(events.Signalled("WINCH"))
