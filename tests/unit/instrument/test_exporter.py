"""What is told of spans that are lost; the rest is in tests/e2e/test_otlp.py."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from licorne.config import Config
from licorne.glogging import Logger
from licorne.instrument.exporter import Exporter
from licorne.instrument.otlp import pairs

if TYPE_CHECKING:
    from licorne._engine import RecordedRequest


@pytest.fixture
def cfg() -> Config:
    made = Config(prog="licorne")
    made.set("otlp", "127.0.0.1:9")
    return made


def test_what_was_dropped_is_told_once_and_counted(
    cfg: Config, caplog: pytest.LogCaptureFixture
) -> None:
    left = [3, 4]

    def take(_most: int) -> tuple[list[RecordedRequest], int]:
        return [], left.pop() if left else 0

    exporter = Exporter(cfg, Logger(cfg), take)
    logging.getLogger("gunicorn.error").addHandler(caplog.handler)
    try:
        exporter._send_all()
        exporter._send_all()
        exporter.start()
        exporter.stop(0.2)
    finally:
        logging.getLogger("gunicorn.error").removeHandler(caplog.handler)
    told = [record.getMessage() for record in caplog.records]
    where = "http://127.0.0.1:9/v1/traces"
    assert told == [
        f"Cannot send spans to {where}: too many wait to be sent (see otlp_sample). "
        "What has no room meanwhile is lost.",
        f"Spans of 7 requests were not sent to {where}",
    ]


def test_the_form_of_the_standard_variables() -> None:
    assert pairs("") == {}
    assert pairs("a=1, b = x%2Cy ,,c=") == {"a": "1", "b": "x,y", "c": ""}
