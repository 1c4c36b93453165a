"""A real browser: what the script of a page sees of event streams and WebSockets."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from asgi.conftest import Shared, Start, Token
    from e2e.server import Server

    Browse = Callable[[str], None]

#: Chromium, by the names of its packages; the first one is the smallest.
NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
#: Without what asks other hosts, and what a container does not have: a sandbox for root, a GPU and
#: much shared memory.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Servers of tests have certificates of their own.
    "--ignore-certificate-errors",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    # Keeps it running until it is ended.
    "--remote-debugging-port=0",
]

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="chromium-headless-shell is not installed, nor Chromium"
)


@pytest.fixture
def browse(tmp_path: Path) -> Iterator[Browse]:
    """Opens one page in a browser with a profile of its own, which ends with the test."""
    assert PROGRAM is not None
    command = [PROGRAM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]
    browsers: list[subprocess.Popen[bytes]] = []

    def opened(url: str) -> None:
        with (tmp_path / "browser.log").open("wb") as log:
            browsers.append(
                subprocess.Popen(
                    [*command, url],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    yield opened
    for browser in browsers:
        # The program may be a script, and has some ten processes: the group is its own.
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait(PATIENCE)


def seen(server: Server, word: str) -> list[object]:
    """What the script has told, when it has come to its end."""
    server.log.wait_for(rf'TOLD {word} SEEN \["(done|failed)"')
    told = server.log.matching(f"TOLD {word} SEEN")
    return [json.loads(line.partition("SEEN ")[2]) for line in told]


def test_an_event_stream(shared: Shared, browse: Browse, token: Token) -> None:
    word, server = token(), shared("browser_app")
    browse(f"{server.url}/events-page?{word}")
    events = [["message", "1", "first"], ["message", "2", "two\nlines ✓"]]
    assert seen(server, word) == [["events", [*events, ["greeting", "3", "hello"]]], ["done"]]
    server.log.wait_for(f"TOLD {word} http.disconnect")


#: What the page of messages tells.
CONVERSATIONS = [
    ["opened", "chat", "permessage-deflate"],
    ["text", "grüße ✓ 😀"],
    ["binary", 256, True],
    ["long", True],
    ["closed", 3000, True],
    ["closed by the application", [4001, "bye ✓", True]],
    ["refused", [1006, "", False]],
    ["done"],
]


def test_websockets(shared: Shared, browse: Browse, token: Token) -> None:
    word, server = token(), shared("browser_app")
    browse(f"{server.url}/messages-page?{word}")
    assert seen(server, word) == CONVERSATIONS
    server.log.wait_for(f"TOLD {word} websocket over 1.1")
    server.log.wait_for(f"TOLD {word} websocket.disconnect 3000 enough ✓")


def test_websockets_over_http2(start: Start, browse: Browse, token: Token) -> None:
    """The page has come by HTTP/2: so do they, on the same connection (RFC 8441)."""
    word, server = token(), start("browser_app", "--http-protocols", "h2,h1", "--self-signed")
    found = server.log.wait_for(r"Listening at: .*https://127\.0\.0\.1:(\d+)")
    browse(f"https://127.0.0.1:{found[1]}/messages-page?{word}")
    assert seen(server, word) == CONVERSATIONS
    server.log.wait_for(f"TOLD {word} websocket over 2")
    server.log.wait_for(f"TOLD {word} websocket.disconnect 3000 enough ✓")


def test_a_reload(start: Start, browse: Browse, token: Token) -> None:
    """The WebSocket is told 1012; the event stream goes on with the new worker by itself."""
    word, server = token(), start("browser_app", "--graceful-timeout", str(int(PATIENCE)))
    browse(f"{server.url}/reload-page?{word}")
    first = server.worker_pid()
    said = rf"TOLD {word} SEEN"
    server.log.wait_for(rf'{said} \["event","1","after 0, from {first}"\]')
    server.log.wait_for(rf'{said} \["opened"\]')
    server.send(signal.SIGHUP)
    server.log.wait_for(rf'{said} \["closed",\[1012,".*",true\]\]')
    server.log.wait_for(f"TOLD {word} websocket.disconnect 1012")
    server.log.wait_for(f"TOLD {word} http.disconnect")
    # 0: CONNECTING.
    server.log.wait_for(rf'{said} \["error",0\]')
    server.log.wait_for(rf'{said} \["event","2","after 1, from {server.worker_pid(2)}"\]')
    server.gone(first)
