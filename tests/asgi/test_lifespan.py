"""The lifespan protocol: on, off, auto; state and context; failures at both ends."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from asgi.conftest import Start

STARTED = b"[('name', 'started'), ('shared', [%s])] context"


def test_start_state_and_end(start: Start) -> None:
    """Requests have a shallow copy each; the end comes after the last of them."""
    server = start("lifespan_app", "--asgi-lifespan", "on")
    pid = server.worker_pid()
    assert server.get("/") == (200, STARTED % b"")
    assert server.get("/") == (200, STARTED % b"0")
    assert server.get("/") == (200, STARTED % b"0, 1")
    server.log.wait_for(f"TOLD startup lifespan.startup 3.0 {pid}")
    assert server.stop() == 0
    assert server.log.matching(f"TOLD shutdown lifespan.shutdown {pid}")
    assert server.log.matching(f"TOLD ended {pid}")


def test_a_state_that_changes_later(start: Start) -> None:
    """Each request has a copy of it as it is then, with the same head too."""
    server = start("lifespan_app:counting")
    for number in range(5):
        assert server.get("/") == (200, repr({"number": number}).encode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_the_end_of_a_quick_stop(start: Start, number: signal.Signals) -> None:
    server = start("lifespan_app")
    assert server.get("/")[0] == 200
    server.stop(number)
    assert server.log.matching("TOLD ended")


def test_each_worker_has_its_own(start: Start) -> None:
    server = start("lifespan_app", "--workers", "2")
    first = server.worker_pid()
    server.log.wait_for("TOLD startup", 2)
    server.send(signal.SIGHUP)
    server.log.wait_for("TOLD startup", 4)
    server.log.wait_for("TOLD ended", 2)
    assert server.log.matching(f"TOLD ended {first}")
    assert server.get("/") == (200, STARTED % b"")
    assert server.stop() == 0
    assert len(server.log.matching("TOLD ended")) == 4


def test_off(start: Start) -> None:
    server = start("lifespan_app", "--asgi-lifespan", "off")
    assert server.get("/") == (200, b"[] nothing")
    assert server.stop() == 0
    assert server.log.matching("TOLD") == []


@pytest.mark.parametrize("app", ["without", "returning"])
def test_auto_serves_an_application_without(start: Start, app: str) -> None:
    """One line says so; nothing of it is an error."""
    server = start(f"lifespan_app:{app}")
    assert server.get("/") == (200, b"[] nothing")
    server.log.wait_for(r"\[INFO\].*lifespan")
    assert server.log.matching(r"ERROR|WARNING") == []


@pytest.mark.parametrize("app", ["without", "returning", "raising"])
def test_on_insists(start: Start, app: str) -> None:
    server = start(f"lifespan_app:{app}", "--asgi-lifespan", "on", tracebacks=True)
    assert server.wait() == 3
    lines = "\n".join(server.log.rest())
    assert "lifespan" in lines
    assert "Worker failed to boot" in lines


def test_a_start_that_fails_ends_the_server(start: Start) -> None:
    """Exit status 3, and the application's own message."""
    server = start("lifespan_app:failing", tracebacks=True)
    assert server.wait() == 3
    lines = server.log.rest()
    assert [line for line in lines if "no database at db.example" in line]
    assert lines[-1].endswith("Reason: Worker failed to boot.")


def test_a_later_start_that_fails_leaves_the_old_generation(start: Start, tmp_path: object) -> None:
    """The code of the new one cannot start: the old one goes on serving."""
    path = str(tmp_path)
    source = f"{path}/changing_app.py"
    text = (
        "async def application(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n"
        "        await receive()\n"
        "        await send({'type': 'lifespan.startup.COMPLETE'})\n"
        "        await receive()\n"
        "        await send({'type': 'lifespan.shutdown.complete'})\n"
        "        return\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b'old'})\n"
    )
    with open(source, "w", encoding="utf-8") as file:
        file.write(text.replace("COMPLETE", "complete"))
    server = start("changing_app", cwd=tmp_path, tracebacks=True)  # type: ignore[arg-type]
    assert server.get("/") == (200, b"old")
    with open(source, "w", encoding="utf-8") as file:
        file.write(text.replace("COMPLETE'", "failed', 'message': 'the new one has no database'"))
    server.send(signal.SIGHUP)
    server.log.wait_for("the new one has no database")
    server.log.wait_for("The application fails to load as before")
    assert server.get("/") == (200, b"old")


def test_an_end_that_fails_is_told(start: Start) -> None:
    server = start("lifespan_app:failing_end", tracebacks=True)
    assert server.get("/")[0] == 200
    assert server.stop() == 0
    assert server.log.matching("RuntimeError: cannot end")


@pytest.mark.patient
def test_an_end_that_never_comes_is_cut(start: Start) -> None:
    server = start("lifespan_app:endless_end", "--graceful-timeout", "1", tracebacks=True)
    assert server.get("/")[0] == 200
    assert server.stop() == 0
    assert server.log.matching("TOLD never ends")
    assert server.log.matching(r"ERROR.*graceful_timeout")
