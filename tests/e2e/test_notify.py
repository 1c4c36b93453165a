"""What becomes of a worker whose class has a `notify` that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

FAILING = """
from licorne.workers.{module} import {base}

class Worker({base}):
    calls = 0

    def notify(self):
        super().notify()
        self.calls += 1
        if self.calls == 2 and self.age == 1:
            raise LookupError("no place to notify")
"""


@pytest.mark.parametrize(
    ("module", "base"),
    [
        ("sync", "SyncWorker"),
        ("ggevent", "GeventWorker"),
        ("geventlet", "EventletWorker"),
        ("gtornado", "TornadoWorker"),
    ],
)
def test_it_ends_and_is_replaced(serve: Serve, tmp_path: Path, module: str, base: str) -> None:
    (tmp_path / "own.py").write_text(FAILING.format(module=module, base=base), encoding="ascii")
    path = {"PYTHONPATH": str(tmp_path)}
    server = serve("site_app", "-k", "own.Worker", environment=path, tracebacks=True)
    first = server.worker_pid()
    assert server.get("/") == (200, b"hello")
    server.log.wait_for("LookupError: no place to notify")
    server.log.wait_for(rf"Worker \(pid:{first}\) exited with code")
    server.worker_pid(2)
    assert server.get("/") == (200, b"hello")
