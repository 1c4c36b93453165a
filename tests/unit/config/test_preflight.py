"""What a start would fail over, found without starting."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from licorne.config import Config, preflight

if TYPE_CHECKING:
    from pathlib import Path


def complaints(**values: object) -> list[str]:
    cfg = Config(prog="licorne")
    for name, value in values.items():
        cfg.set(name, value, origin="f")
    return list(preflight.complaints(cfg))


def test_the_defaults_are_fine() -> None:
    assert complaints() == []


def test_nothing_is_bound_or_written(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert complaints(bind=[f"127.0.0.1:{port}", f"unix:{tmp_path}/s"]) == []
    assert complaints(errorlog=f"{tmp_path}/e", accesslog="-", pidfile=f"{tmp_path}/p") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("bind", "no-such-host.invalid:80", "the host is unknown here"),
        ("bind", "fd://987", "no such descriptor is open"),
        ("bind", "unix:/not/there/s", "there is no directory /not/there; create it."),
        ("bind", "unix:/etc/hostname", "there is a file of another kind"),
        ("metrics_bind", "no-such-host.invalid:80", "the host is unknown here"),
        ("metrics_bind", "unix:/not/there/s", "there is no directory /not/there; create it."),
        ("errorlog", "/not/there/log", "there is no directory /not/there; create it."),
        ("accesslog", "/tmp", "this is a directory; give the name of a file."),
        ("pidfile", "/not/there/pid", "there is no directory /not/there; create it."),
        ("tmp_upload_dir", "/not/there", "this is no directory that can be written to"),
    ],
)
def test_complaints(name: str, value: str, message: str) -> None:
    (told,) = complaints(**{name: value})
    assert told.startswith(f"Invalid value for {name}: {value!r} (from f): {message}")


def test_a_descriptor_that_is_no_socket() -> None:
    reader, writer = os.pipe()
    (told,) = complaints(bind=f"fd://{reader}")
    os.close(reader)
    os.close(writer)
    assert "the descriptor is no socket" in told
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert complaints(bind=f"fd://{listener.fileno()}") == []


def test_groups_of_a_user_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (told,) = complaints(user=3_999_999, initgroups=True)
    assert "no user of this system has this number" in told


def test_rights_that_only_root_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    told = complaints(user=0, group=os.getegid() + 1)
    assert [line.partition(": only root")[2] for line in told] == [
        " can become another user; start as root.",
        " can become another group; start as root.",
    ]


def test_a_worker_class_that_sends_no_clients_on() -> None:
    given: dict[str, object] = {"redirect_http": "127.0.0.1:8080", "self_signed": True}
    (told,) = complaints(**given, worker_class="gevent_pywsgi")
    assert "gevent_pywsgi has network code of its own" in told
    assert complaints(**given, worker_class="gthread") == []
