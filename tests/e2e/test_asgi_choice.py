"""Which worker an ASGI application gets, its start and its end: lines of the log, exit statuses."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import requests

from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

LOOPS = ["asyncio", "uvloop"]
CHOSEN = r"INFO\] lifespan_app:{} is an ASGI application: the worker type is asgi"


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    """Each kind of loop that is installed."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    return str(request.param)


@pytest.mark.parametrize("name", ["app", "Double"])
@pytest.mark.parametrize("more", [(), ("--preload",), ("-k", "asgi")])
def test_it_is_served_without_a_word(
    serve: Serve, loop: str, name: str, more: tuple[str, ...]
) -> None:
    server = serve(f"lifespan_app:{name}", "--asgi-loop", loop, *more)
    server.log.wait_for("Using worker: asgi" if "-k" in more else CHOSEN.format(name))
    assert server.get("/") == (200, f"by the lifespan, a pool, {loop}".encode())
    assert server.stop() == 0
    assert server.log.matching("^(started|ended)$") == ["started", "ended"]
    assert len(server.log.matching("the worker type is asgi")) == ("-k" not in more)


def test_metrics_and_requests_over_their_time_know_of_it(serve: Serve) -> None:
    """The master has made its scoreboard before any worker knew what it serves."""
    server = serve(
        "lifespan_app:app", "--metrics-bind", "127.0.0.1:0", "--request-timeout", "0.5",
        tracebacks=True,
    )  # fmt: skip
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(5)]
        for client in clients:
            client.get("/sleep")
        for client in clients:
            assert client.response().status == 504
    server.log.wait_for(r"lifespan_app\.py\W.* in app", 5)
    at = server.log.wait_for(r"Metrics at: (http://\S+)")[1]
    text = requests.get(f"{at}/metrics", timeout=PATIENCE).text
    assert 'worker_type="asgi",code="5xx"} 5' in text
    assert 'worker_type="sync"' not in text


def test_threads_are_ignored_with_a_line(serve: Serve) -> None:
    server = serve("lifespan_app:app", "--threads", "4")
    server.log.wait_for(r"WARNING\] asgi workers do not use threads: --threads 4 is ignored")
    assert server.get("/")[0] == 200


def test_a_loop_of_the_users(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "own_loop.py").write_text(
        "import asyncio\nclass Loop(asyncio.SelectorEventLoop): pass\n"
    )
    server = serve(
        "lifespan_app:app", "--asgi-loop", "own_loop:Loop", "--pythonpath", str(tmp_path)
    )
    assert server.get("/") == (200, b"by the lifespan, a pool, own_loop")


@pytest.mark.parametrize("name", ["app", "Double"])
def test_a_wsgi_type_is_told_at_the_start(
    args: tuple[str, ...], worker: str, serve: Serve, name: str
) -> None:
    server = serve(f"lifespan_app:{name}", *args)
    server.log.wait_for(
        rf"ERROR\] lifespan_app:{name} is an ASGI application, and the worker type {worker} serves "
        r"WSGI: every request is answered 500. Use -k asgi, or leave -k \(worker_class, from "
        r"command line\) away"
    )
    for _ in range(3):
        assert server.get("/") == (500, b"Internal Server Error\n")
    server.stop()
    assert len(server.log.matching(r"\[ERROR\]|Traceback|never awaited")) == 1


def test_wsgi_under_asgi_is_a_failed_boot(serve: Serve) -> None:
    server = serve("lifespan_app:wsgi", "-k", "asgi")
    assert server.wait() == 3
    (line,) = server.log.matching("calls app")
    assert "for a WSGI application leave -k away, or use -k sync or -k gthread" in line
    assert not server.log.matching("Traceback")


@pytest.mark.parametrize("more", [(), ("-k", "asgi"), ("--preload",), ("--timeout", "0")])
def test_a_start_that_is_refused_is_a_failed_boot(
    serve: Serve, tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "refuses").touch()
    environment = {"REFUSES": str(tmp_path / "refuses")}
    server = serve("lifespan_app:refusing", *more, environment=environment)
    assert server.wait() == 3
    assert server.log.matching(r"ERROR\] The application could not start: no database")
    assert not server.log.matching("Traceback")


def test_a_later_generation_that_is_refused_changes_nothing(serve: Serve, tmp_path: Path) -> None:
    refuses = tmp_path / "refuses"
    server = serve("lifespan_app:refusing", environment={"REFUSES": str(refuses)})
    server.log.wait_for("^started$")
    refuses.touch()
    server.send(signal.SIGHUP)
    server.log.wait_for(r"ERROR\] The application could not start: no database")
    assert server.get("/")[0] == 200
    refuses.unlink()
    server.log.wait_for("^ended$")
    assert server.get("/")[0] == 200
    assert server.stop() == 0
    assert server.log.matching("^(started|ended)$") == ["started", "started", "ended", "ended"]


def test_lifespan_auto_on_off(serve: Serve) -> None:
    server = serve("lifespan_app:without")
    server.log.wait_for(
        r"INFO\] The application has no lifespan \(it raised NotImplementedError: lifespan\)"
    )
    assert server.get("/")[0] == 200
    server = serve("lifespan_app:without", "--asgi-lifespan", "off")
    assert server.get("/")[0] == 200
    assert not server.log.matching("has no lifespan")
    server = serve("lifespan_app:without", "--asgi-lifespan", "on", tracebacks=True)
    assert server.wait() == 3
    assert server.log.matching("raised NotImplementedError before lifespan.startup.complete")


@pytest.mark.parametrize("timeout", ["30", "0"])
def test_a_stop_in_the_middle_of_the_start(serve: Serve, loop: str, timeout: str) -> None:
    server = serve("lifespan_app:slow", "-t", timeout, "--asgi-loop", loop)
    server.log.wait_for("^starting$")
    assert server.stop() == 0
    assert server.log.matching("^cancelled$")


def test_boot_timeout_bounds_the_start(serve: Serve) -> None:
    server = serve("lifespan_app:slow", "--boot-timeout", "3", tracebacks=True)
    server.log.wait_for("^starting$", 2)


def test_reload_shows_what_has_refused(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "an_app.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await receive()\n"
        "    await send({'type': 'lifespan.startup.failed', 'message': 'no database'})\n"
    )
    server = serve("an_app:app", "--reload", cwd=tmp_path, tracebacks=True)
    server.log.wait_for("could not start: no database; waiting for a file to change")
    status, text = server.get("/")
    assert status == 500
    assert b"The application could not start: no database" in text
    (tmp_path / "an_app.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await send({'type': 'http.response.start', 'status': 204})\n"
        "    await send({'type': 'http.response.body'})\n"
    )
    server.log.wait_for("Worker exiting")
    assert server.get("/")[0] == 204


def test_a_loop_that_is_not_there_ends_the_start(serve: Serve) -> None:
    server = serve("lifespan_app:app", "-k", "asgi", "--asgi-loop", "nowhere_x:make")
    assert server.wait() == 1
    assert server.log.matching(
        r"Invalid value for asgi_loop: 'nowhere_x:make' \(from command line\): there is no module"
    )
