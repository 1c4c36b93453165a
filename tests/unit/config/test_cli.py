"""The command line, derived from the declarations."""

from __future__ import annotations

import pytest

from licorne.config.cli import parser
from licorne.config.settings import OPTIONS
from licorne.config.sources import from_flags

USAGE = "%(prog)s [OPTIONS] [APP_MODULE]"


def flags(*words: str, partial: bool = True) -> tuple[dict[str, object], list[str]]:
    parsed = parser(USAGE, "licorne", words if partial else None).parse_args(words)
    return dict(from_flags("command line", parsed).values), parsed.args


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["-w", "4"], {"workers": 4}),
        (["-w4"], {"workers": 4}),
        (["--workers=4"], {"workers": 4}),
        (["--worker", "4"], None),
        (["--back", "4"], {"backlog": 4}),
        (["-b", "a:1", "--bind", "b:2"], {"bind": ["a:1", "b:2"]}),
        (["--no-sendfile"], {"sendfile": False}),
        (["--preload", "-D"], {"preload_app": True, "daemon": True}),
        (["--log-file", "x"], {"errorlog": "x"}),
        (["--limit-request-field_size", "9"], {"limit_request_field_size": 9}),
        (["-k", "gthread", "--threads", "2"], {"worker_class": "gthread", "threads": 2}),
        (["--header-timeout", "2.5"], {"header_timeout": "2.5"}),
    ],
)
def test_flags(words: list[str], values: dict[str, object] | None) -> None:
    if values is None:
        # Two flags begin so.
        with pytest.raises(SystemExit) as ended:
            flags(*words)
        assert ended.value.code == 2
        return
    assert flags(*words)[0] == values
    assert flags(*words, partial=False)[0] == values


def test_the_application_may_stand_anywhere() -> None:
    assert flags("m:app", "-c", "x.py")[1] == ["m:app"]
    assert flags("-c", "x.py", "m:app", "-w", "2")[1] == ["m:app"]


@pytest.mark.parametrize("words", [["-w", "x"], ["--nope"], ["-w"]])
def test_errors_of_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags(*words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: licorne [OPTIONS] [APP_MODULE]\nlicorne: ")


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags("--help")
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    missing = [f for option in OPTIONS.values() for f in option.flags if f not in shown]
    assert missing == []


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags("--version")
    assert ended.value.code == 0
    assert capsys.readouterr().out == "licorne (version 0.1.0)\n"
