"""Which worker type serves which application, and what the log says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asgi.kind import APPS

if TYPE_CHECKING:
    from e2e.server import Serve


@pytest.mark.parametrize("app", ["single", "instance", "method", "Double"])
def test_an_asgi_application_is_recognised(serve: Serve, app: str) -> None:
    """Without -k, it is served by asgi, and one line says so."""
    server = serve(f"choice_app:{app}", cwd=APPS)
    status, body = server.get("/")
    assert (status, body) == (200, b"instance" if app == "method" else app.lower().encode())
    assert len(server.log.matching(r"\[INFO\].*ASGI")) == 1


def test_a_wsgi_application_stays_with_sync(serve: Serve) -> None:
    server = serve("choice_app:wsgi", cwd=APPS)
    assert server.get("/") == (200, b"wsgi")
    server.log.wait_for("Using worker: sync")


def test_several_workers_and_threads(serve: Serve) -> None:
    """`--threads` makes gthread of sync; an ASGI application has neither."""
    server = serve("choice_app:single", "--threads", "4", "--workers", "2", cwd=APPS)
    assert server.get("/") == (200, b"single")


def test_a_wsgi_application_under_asgi_is_refused(serve: Serve) -> None:
    """One line says why, and the server does not start."""
    server = serve("choice_app:wsgi", "-k", "asgi", cwd=APPS)
    assert server.wait() != 0
    lines = server.log.rest()
    assert len([line for line in lines if "scope, receive, send" in line]) == 1
    assert not [line for line in lines if line.startswith("Traceback")]


def test_the_name_of_aiohttps_old_worker(serve: Serve) -> None:
    server = serve("choice_app:single", "-k", "gaiohttp", cwd=APPS)
    assert server.get("/") == (200, b"single")
