"""The command line, derived from the declarations."""

from __future__ import annotations

import pytest

from licorne.config.cli import parser
from licorne.config.helppage import FIRST
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
        (["-w", "auto"], {"workers": "auto"}),
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


def shown(flag: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        flags(flag)
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def sections(page: str) -> list[str]:
    return [line[:-1] for line in page.splitlines() if line[:1].isalpha() and line[-1] == ":"]


def test_the_whole_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    page = shown("--help-all", capsys)
    words = set(page.replace(",", " ").split())
    missing = [f for option in OPTIONS.values() for f in option.flags if f not in words]
    assert missing == []
    known = list(dict.fromkeys(each.section for each in OPTIONS.values() if each.flags))
    assert sections(page) == [*known, "About the command", "examples", "read on"]


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_the_first_page(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It fits on two screens, is as wide as the terminal, and leads on."""
    page = shown(flag, capsys)
    assert page.startswith("usage: licorne [OPTIONS] [APP_MODULE]\n")
    assert len(page.splitlines()) <= 80
    assert max(map(len, page.splitlines())) <= 80
    for word in ("--workers", "--bind", "--help-all", "licornectl", "  licorne app:app "):
        assert word in page
    assert "--permit-missing-host" not in page
    assert set(sections(page)) < set(sections(shown("--help-all", capsys)))


def test_every_setting_of_the_first_page_has_a_flag() -> None:
    assert [name for name in FIRST if not OPTIONS[name].flags] == []


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("--wrkers", " Did you mean --workers?"),
        ("--log-levl=debug", " Did you mean --log-level?"),
        ("--accesslog", " Did you mean --access-logfile?"),
        ("--preload_app", " Did you mean --preload?"),
        ("--verson", " Did you mean --version?"),
        ("--hepl", " Did you mean --help?"),
        ("--foo", " --help-all lists the flags."),
        ("--wsgi-app", " wsgi_app has no flag: set it in a configuration file."),
        ("--qqqqqqqq", " --help-all lists the flags."),
    ],
)
def test_a_flag_that_is_not_there(word: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags(word, "m:app")
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"licorne: error: unrecognized arguments: {word}.{hint}"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags("--version")
    assert ended.value.code == 0
    assert capsys.readouterr().out == "licorne (version 0.2.0)\n"
