"""Answers for people."""

from __future__ import annotations

import pytest

from licorne.ctl import tables

ROW: tables.Data = {
    "pid": 10, "age": 1, "generation": 2, "state": "serving", "uptime": 70, "requests": 5,
    "connections": 1, "given": 6, "taken": 4, "waiting": 3, "longest_wait": 0.25, "shed": 17,
    "abandoned": 2, "rss": 13 * 1024 * 1024, "pss": None, "cpu": 0.5, "last_heartbeat": 0.1,
    "in_flight": [
        {
            "id": "10.2", "method": "GET", "path": "/young", "peer": "127.0.0.1:1", "age": 0.25,
            "body": 0, "sent": 2048, "overdue": False,
        },
        {
            "id": "10.1", "method": "GET", "path": "/old\x1b[2J", "peer": "127.0.0.1:2",
            "age": 61.0, "body": 0, "sent": 0, "overdue": True,
        },
    ],
}  # fmt: skip


def test_workers_and_their_requests_the_oldest_first() -> None:
    lines = tables.shown("workers brief", {"workers": [ROW], "count": 1}).splitlines()
    assert lines[1].split() == [
        "10", "1", "2", "serving", "1m", "10s", "5", "1", "6", "4", "3", "0.25", "s", "17", "2",
        "13.0", "MiB", "-", "0.50", "s", "0.10", "s",
    ]  # fmt: skip
    assert lines[4].split() == [
        "10.1", "1m", "1s", "overdue", "0", "B", "0", "B", "GET", "/old\\x1b[2J", "127.0.0.1:2",
    ]  # fmt: skip
    assert lines[5].split() == [
        "10.2", "0.25", "s", "0", "B", "2.0", "KiB", "GET", "/young", "127.0.0.1:1",
    ]  # fmt: skip


def test_a_stack_keeps_its_lines_and_shows_no_control_characters() -> None:
    text = 'Python stack (most recent call last):\n  File "a\x1b.py", line 1, in f'
    data: tables.Data = {"target": "10.1", "request": "GET /a", "stack": text}
    assert tables.shown("stack 10.1", data).splitlines() == [
        "10.1: GET /a",
        "Python stack (most recent call last):",
        '  File "a\\x1b.py", line 1, in f',
    ]


def test_what_a_client_sent_does_not_reach_the_terminal() -> None:
    shown = tables.shown("workers", {"workers": [ROW], "count": 1})
    assert "\x1b" not in shown
    assert tables.clean("a\r\nb\x9b") == "a\\r\\nb\\x9b"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0.25, "0.25 s"), (12, "12 s"), (303, "5m 3s"), (7800, "2h 10m"),
     (273600, "3d 4h")],
)  # fmt: skip
def test_durations(value: float | None, shown: str) -> None:
    assert tables.duration(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (512, "512 B"), (2048, "2.0 KiB"), (3 << 40, "3.0 TiB")]
)
def test_sizes(value: int | None, shown: str) -> None:
    assert tables.size(value) == shown


def test_a_setting_without_a_value_is_no_dash() -> None:
    data: tables.Data = {
        "accesslog": {"value": None, "origin": "default"},
        "errorlog": {"value": "-", "origin": "command line"},
    }
    assert tables.shown("config", data).splitlines() == [
        "accesslog = None",
        "errorlog  = -  # command line",
    ]
    assert tables.shown("show config", {"workers": 2}) == "workers = 2"


def test_anything_else_is_a_list_of_pairs() -> None:
    assert tables.shown("reload", {"status": "reloading"}) == "status: reloading"
    assert tables.shown("reload", {}) == "ok"
    assert tables.shown("reload", [1]) == "[\n  1\n]"


def test_servers_whatever_they_say_of_themselves() -> None:
    """One that did not answer, and one from before there were such answers."""
    known: tables.Data = {
        "socket": "@a", "pid": 7, "application": "shop\x1b", "uptime": 60.0,
        "addresses": ["http://127.0.0.1:80", "unix:/x"],
    }  # fmt: skip
    lines = tables.servers([known, {"socket": "/run/b", "pid": None}], 120.0)
    assert lines[1].split()[:5] == ["@a", "7", "shop\\x1b", "127.0.0.1:80,", "unix:/x"]
    assert lines[2].split() == ["/run/b", "-", "-", "-", "-"]


def test_listeners_that_only_send_clients_on_say_so() -> None:
    rows: list[tables.Json] = [
        {"address": "https://0.0.0.0:443", "type": "tcp", "fd": 5, "redirects": False},
        {"address": "http://0.0.0.0:80", "type": "tcp", "fd": 6, "redirects": True},
    ]
    lines = tables.shown("listeners", {"listeners": rows, "count": 2}).splitlines()
    assert lines[1].split() == ["https://0.0.0.0:443", "tcp", "5"]
    assert lines[2].split() == ["http://0.0.0.0:80", "(redirects)", "tcp", "6"]
