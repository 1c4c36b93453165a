"""h2spec's 146 cases, in clear text and over TLS; `tools/h2spec` builds it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e import secure
from e2e.test_http2 import CLEAR, KINDS, app_of
from patience import PATIENCE

if TYPE_CHECKING:
    from e2e.server import Serve

H2SPEC = Path(__file__).parents[2] / "target" / "h2spec" / "h2spec"
pytestmark = pytest.mark.skipif(not H2SPEC.exists(), reason="tools/h2spec was not run")
#: It answers when the whole request has come, as the cases expect that send it in parts.
TARGET = "/digest"


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("transport", ["clear", "tls"])
def test_every_case(serve: Serve, kind: str, transport: str) -> None:
    tls = transport == "tls"
    settings = (*secure.arguments(), "--http-protocols", "h2,h1") if tls else CLEAR
    server = serve(app_of(kind), *KINDS[kind], *settings, tracebacks=True)
    address = ["-h", "127.0.0.1", "-p", str(server.port), "-P", TARGET]
    done = subprocess.run(
        [H2SPEC, *address, "--strict", "--timeout", "10", *(["-t", "-k"] if tls else [])],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "146 tests, 146 passed, 0 skipped, 0 failed" in done.stdout, done.stdout
