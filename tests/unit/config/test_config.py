"""The values in force, their origins, and the face that hooks see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from licorne.config import Config
from licorne.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("variable", "value", "name", "result"),
    [
        ("PORT", "5000", "bind", ["0.0.0.0:5000"]),
        ("PORT", " 5000 ", "bind", ["0.0.0.0:5000"]),
        ("WEB_CONCURRENCY", "3", "workers", 3),
        ("WEB_CONCURRENCY", "", "workers", 1),
        ("WEB_CONCURRENCY", "  ", "workers", 1),
        ("FORWARDED_ALLOW_IPS", "*", "forwarded_allow_ips", ["*"]),
    ],
)
def test_defaults_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, name: str, result: object
) -> None:
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.setenv(variable, value)
    cfg = Config()
    assert getattr(cfg, name) == result
    assert cfg.origins[name] == (f"${variable}" if value.strip() else "default")


def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "many")
    with pytest.raises(ConfigError, match=r"workers: 'many' \(from \$WEB_CONCURRENCY\): give"):
        Config()


def test_a_refusal_says_everything() -> None:
    with pytest.raises(ConfigError) as caught:
        Config().set("header_map", "maybe", origin="x.py")
    assert str(caught.value) == (
        "Invalid value for header_map: 'maybe' (from x.py): give one of: drop, refuse, dangerous"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", -1), ("workers", "many"), ("bind", 5), ("pre_fork", "no.such.hook"),
        ("header_map", "maybe"), ("user", "no-such-user"), ("chdir", "/no/such/directory"),
        ("reload_extra_files", ["/no/such/file"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [ConfigError, TypeError, ValueError])
def test_a_refusal_is_what_gunicorn_raises(name: str, value: object, kind: type[Exception]) -> None:
    """There it is one of these, or the other; programs catch the one that they have met."""
    with pytest.raises(kind, match=f"^Invalid value for {name}: "):
        Config().set(name, value)


def test_files_to_watch_as_patterns_and_relative_names(tmp_path: Path) -> None:
    """A pattern may find its files later; where a relative name is, `chdir` has still to say."""
    cfg = Config()
    files = [str(tmp_path), f"{tmp_path}/*.html", "relative.txt"]
    cfg.set("reload_extra_files", files)
    assert cfg.reload_extra_files == files
    with pytest.raises(ConfigError, match=r"reload_extra_files: 'relative.txt' .*no such file"):
        cfg.validate()


def test_an_unknown_setting() -> None:
    with pytest.raises(AttributeError, match="No configuration setting for: colour"):
        Config().set("colour", "red")
    with pytest.raises(AttributeError, match="No configuration setting for: colour"):
        _ = Config().colour


@pytest.mark.parametrize(
    ("value", "result"), [("y", True), ("no", False), ("1", True), (None, True)]
)
def test_sendfile_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str | None, result: bool
) -> None:
    monkeypatch.delenv("SENDFILE", raising=False)
    if value is not None:
        monkeypatch.setenv("SENDFILE", value)
    cfg = Config()
    assert cfg.sendfile is result
    cfg.set("sendfile", False)
    assert cfg.sendfile is False


def test_what_hooks_and_foreign_workers_ask() -> None:
    cfg = Config()
    cfg.set("bind", ["127.0.0.1:1", "unix:/x"])
    cfg.set("raw_env", ["A=1", "B=x=y"])
    cfg.set("proc_name", None)
    cfg.set("default_proc_name", "m:app")
    assert cfg.address == [("127.0.0.1", 1), "/x"]
    assert cfg.env == {"A": "1", "B": "x=y"}
    assert cfg.proc_name == "m:app"
    assert (cfg.uid, cfg.gid) == (cfg.user, cfg.group)
    assert cfg.is_ssl is False
    assert cfg.ssl_options["certfile"] is None
    assert cfg.ssl_options["cert_reqs"] == 0
    assert cfg.settings["backlog"].value == 2048
    assert cfg.settings["bind"].get() == ["127.0.0.1:1", "unix:/x"]
    assert "bind" in cfg.settings
    assert cfg.worker_class_str == "sync"


@pytest.mark.parametrize("spec", ["gunicorn.workers.sync.SyncWorker", "m.OwnSyncWorker"])
def test_sync_by_its_path_with_threads(spec: str) -> None:
    cfg = Config()
    cfg.set("worker_class", spec)
    cfg.set("threads", 2)
    assert cfg.worker_class_str == ("gthread" if spec.startswith("gunicorn") else spec)


def test_sync_with_threads_is_gthread() -> None:
    cfg = Config()
    cfg.set("threads", 4)
    assert cfg.worker_class_str == "gthread"


def test_printed_sorted_with_origins() -> None:
    cfg = Config()
    cfg.set("workers", 4, origin="gunicorn.conf.py")
    lines = str(cfg).splitlines()
    assert lines == sorted(lines)
    found = next(line for line in lines if line.startswith("workers "))
    assert found.split(" = ")[1] == "4  # gunicorn.conf.py"
    assert any(line.endswith("= <nothing()>") for line in lines)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loglevel", "info"),
        ("workers", 1),
        ("preload_app", False),
        ("suppress_ragged_eofs", True),
        ("on_exit", Config().values["on_exit"]),
        # Lists and what may be None take it as it is: no peer is trusted, no file is written.
        ("forwarded_allow_ips", []),
        ("accesslog", None),
    ],
)
def test_none_says_nothing(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    cfg = Config()
    cfg.set(name, None)
    assert cfg.values[name] == value


@pytest.mark.parametrize("value", [10**400, float("inf"), 2**70])
@pytest.mark.parametrize("name", ["header_timeout", "limit_request_body", "workers"])
def test_numbers_without_measure(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"Invalid value for {name}: "):
        Config().set(name, value)


def test_a_function_may_give_the_class() -> None:
    class Kind:
        pass

    cfg = Config()
    cfg.set("worker_class", lambda: Kind)
    assert cfg.worker_class is Kind


@pytest.mark.parametrize("name", ["request_timeout", "queue_timeout"])
@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("soon", "give a number of seconds, such as 2.5"),
        ("-1", "give a number of seconds, from 0 to"),
        (float("nan"), "give a number of seconds, from 0 to"),
    ],
)
def test_limits_are_seconds(name: str, value: object, advice: str) -> None:
    with pytest.raises(ConfigError, match=f"^Invalid value for {name}: .*{advice}"):
        Config().set(name, value)


@pytest.mark.parametrize("name", ["request_timeout_paths", "queue_timeout_paths"])
@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ({"a": 1}, "give PREFIX=SECONDS with a path, such as /reports/=120"),
        (["/a"], "give PREFIX=SECONDS"),
        (["/a=soon"], "give a number of seconds, such as 2.5"),
        ({"/a": -1}, "give a number of seconds, from 0 to"),
    ],
)
def test_limits_of_paths_are_seconds(name: str, value: object, advice: str) -> None:
    with pytest.raises(ConfigError, match=f"^Invalid value for {name}: .*{advice}"):
        Config().set(name, value)
