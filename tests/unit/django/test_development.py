"""Lines of requests as Django's own server writes them."""

from __future__ import annotations

import logging
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from licorne.django.development import Development, DevelopmentLog

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRON = {"REQUEST_METHOD": "GET", "RAW_URI": "/a?b", "SERVER_PROTOCOL": "HTTP/1.1"}


class Kept(logging.Handler):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    """What comes to Django's logger."""
    log, handler = logging.getLogger("django.server"), Kept()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(level)


@pytest.mark.parametrize(
    ("status", "level", "shown", "code"),
    [
        ("200 OK", logging.INFO, "200", 200),
        ("302 Found", logging.INFO, "302", 302),
        ("404 Not Found", logging.WARNING, "404", 404),
        ("500 Internal Server Error", logging.ERROR, "500", 500),
        ("", logging.INFO, "", None),  # the connection was taken over
    ],
)
def test_a_line(kept: Kept, status: str, level: int, shown: str, code: int | None) -> None:
    response = SimpleNamespace(status=status, sent=12, headers=[])
    request = SimpleNamespace()
    DevelopmentLog(Development(1).cfg).access(response, request, ENVIRON, timedelta(0))
    (record,) = kept.records
    assert record.getMessage() == f'"GET /a?b HTTP/1.1" {shown} 12'
    assert record.args == ("GET /a?b HTTP/1.1", shown, "12")
    assert (record.levelno, vars(record)["status_code"]) == (level, code)
    assert vars(record)["server_time"]
