"""The clock of the machine is set: nothing that counts seconds may notice.

libfaketime stands between the server and the clock of the day; it leaves the monotonic clock alone,
as the kernel does.
"""

from __future__ import annotations

import signal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults.load import Load
from faults.processes import children, eventually

if TYPE_CHECKING:
    from e2e.server import Server
    from faults.conftest import Start

LIBRARY = "faketime/libfaketimeMT.so.1"
FOUND = [*Path("/usr/lib").glob(f"*/{LIBRARY}"), *Path("/usr/lib").glob(LIBRARY)]


def year(server: Server) -> int:
    """The year in which the server believes to live."""
    with server.client() as client:
        client.get("/pid", close=True)
        return parsedate_to_datetime(client.response().all("Date")[0]).year


@pytest.mark.skipif(not FOUND, reason="libfaketime is not installed")
def test_a_step_of_the_clock_ends_nothing(start: Start, tmp_path: Path) -> None:
    setting = tmp_path / "clock"
    setting.write_text("+0d", encoding="ascii")
    server = start(
        environment={
            "LD_PRELOAD": str(FOUND[0]),
            "FAKETIME_TIMESTAMP_FILE": str(setting),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        },
    )
    before = set(children(server.pid))
    now = year(server)
    with Load(server.port) as load:
        for step, there in (("+1000d", now + 2), ("-2000d", now - 6), ("+0d", now)):
            setting.write_text(step, encoding="ascii")
            # Two years more or less, whatever the day of the year.
            eventually(lambda there=there: abs(year(server) - there) <= 1, f"the year is {there}")
        server.send(signal.SIGHUP)
        eventually(lambda: not before & set(children(server.pid)), "the old workers have gone")
    load.tally.check_nothing_lost()
    assert not server.log.matching("WORKER TIMEOUT|SIGKILL")
    assert not before & set(children(server.pid))
