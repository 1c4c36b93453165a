"""Load on a server while something happens to it: `users.py`, in a process of its own.

`with Load(server.port) as load: …` begins when every user has had an answer, and ends when every
user has had its last one; `load.tally` then says what they saw.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

USERS = Path(__file__).with_name("users.py")
#: Users that come with a new connection each time, unless a test says otherwise.
FRESH = 2


class Loss(TypedDict):
    """A request that got no answer."""

    #: refused, reset, closed (before the answer), cut short, timeout, wrong.
    kind: str
    target: str
    #: The client's own address, as the server's log names it.
    peer: str
    #: The connection had carried an answer before.
    reused: bool
    #: Seconds from its beginning to its loss.
    after: float


class _Told(TypedDict):
    statuses: dict[str, int]
    losses: list[Loss]
    slowest: float
    renewed: int
    renewed_after_reset: int


@dataclass(frozen=True)
class Tally:
    """What all users together have seen."""

    statuses: Counter[int]
    losses: list[Loss]
    slowest: float
    renewed: int
    renewed_after_reset: int

    @property
    def kinds(self) -> Counter[str]:
        """How often each kind of loss was met."""
        return Counter(loss["kind"] for loss in self.losses)

    def check_stopped(self, fresh: int) -> None:
        """Every request that a server took before it ended was answered with 200.

        Clients that come later are refused. The kernel resets a connection that it has made between
        the last look at the backlog and the close of the listener: of each of so many users that
        come with new connections, one at the most.
        """
        print(self)
        assert set(self.statuses) == {200}
        late = [loss for loss in self.losses if loss["kind"] == "reset" and not loss["reused"]]
        assert len(late) <= fresh
        lost = [loss for loss in self.losses if loss["kind"] != "refused" and loss not in late]
        assert lost == []

    def __str__(self) -> str:
        return (
            f"{dict(self.statuses)}, losses {dict(self.kinds)}, slowest {self.slowest:.3f} s, "
            f"idle connections ended {self.renewed} by FIN, {self.renewed_after_reset} by reset"
        )

    def check_nothing_lost(self) -> None:
        """Every request was answered with 200."""
        print(self)
        assert not self.losses, f"{self}: {self.losses[:10]}"
        assert set(self.statuses) == {200}, str(self)


class Load:
    """Users that ask without a break. Bounded in time and number, whatever the test does."""

    def __init__(
        self,
        port: int,
        keeping: int = 4,
        fresh: int = FRESH,
        query: str = "",
        bodies: bool = True,
        *,
        program: Sequence[str] = (),
    ) -> None:
        """So many users that keep their connection, so many that come with a new one each time.

        `query` is added to each target, as in `&seconds=0.01`; with `bodies`, every other request
        has one, in a packet of its own. `program` starts the users, where that is not done here.
        """
        self._program = program
        with_bodies = "bodies" if bodies else "none"
        self._arguments = [str(port), str(keeping), str(fresh), with_bodies, query]
        self._process: subprocess.Popen[str] | None = None
        self._tally: Tally | None = None

    @property
    def tally(self) -> Tally:
        """What was seen, after the end."""
        assert self._tally is not None, "the load still runs"
        return self._tally

    def __enter__(self) -> Load:  # noqa: PYI034 - Self is newer than Python 3.10
        self._process = subprocess.Popen(
            [*self._program, sys.executable, "-S", str(USERS), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="ascii",
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "under way\n"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        if kind is not None:
            self._process.kill()
        out, _ = self._process.communicate(timeout=PATIENCE)
        if kind is None:
            assert self._process.returncode == 0, "the load itself failed"
            told = cast("_Told", json.loads(out))
            statuses = Counter({int(status): n for status, n in told["statuses"].items()})
            self._tally = Tally(
                statuses,
                told["losses"],
                told["slowest"],
                told["renewed"],
                told["renewed_after_reset"],
            )
