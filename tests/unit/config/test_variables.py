"""A variable of the environment for each setting."""

from __future__ import annotations

import os

import pytest

from licorne.config import Config, sources
from licorne.errors import ConfigError


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("LICORNE_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("workers", "0x4", 4),
        ("bind", "127.0.0.1:1, unix:/x", ["127.0.0.1:1", "unix:/x"]),
        ("bind", "[::1]:8000", ["[::1]:8000"]),
        ("raw_env", '["A=1,2", "B=3"]', ["A=1,2", "B=3"]),
        ("forwarded_allow_ips", "10.0.0.0/8,::1", ["10.0.0.0/8", "::1"]),
        ("secure_scheme_headers", '{"X-Proto": "https"}', {"X-PROTO": "https"}),
        ("preload_app", "1", True),
        ("preload_app", "No", False),
        ("umask", "022", 0o22),
        ("header_timeout", "2.5", 2.5),
        ("request_timeout_paths", "/a/=1, /b/=2.5", {"/a/": 1.0, "/b/": 2.5}),
        ("request_timeout_paths", '{"/a/": 1}', {"/a/": 1.0}),
        ("access_log_format", '["%(r)s"]', '["%(r)s"]'),
    ],
)
def test_values(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    variable = f"LICORNE_{name.upper()}"
    monkeypatch.setenv(variable, text)
    (source,) = sources.from_variables()
    cfg = Config()
    sources.apply(cfg, source)
    assert cfg.values[name] == value
    assert cfg.origins[name] == f"${variable}"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("LICORNE_WORKERS", "  "),
        ("LICORNE_CMD_ARGS", "-w 3"),
        # A service called licorne in the same namespace of Kubernetes.
        ("LICORNE_SERVICE_HOST", "10.0.0.1"),
        ("LICORNE_SERVICE_PORT_HTTP", "80"),
        ("LICORNE_PORT", "tcp://10.0.0.1:80"),
        ("LICORNE_PORT_80_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_variables_that_say_nothing(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    assert sources.from_variables() == []


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("LICORNE_WORKER", "3", r"\$LICORNE_WORKER is '3', and .* Did you mean 'workers'\?"),
        ("LICORNE_PORT", "80", r"\$LICORNE_PORT is '80', and there is no setting 'port'"),
        ("LICORNE_LOGCONFIG_DICT", "{", r"Cannot read \$LICORNE_LOGCONFIG_DICT as JSON: '{'"),
    ],
)
def test_mistakes(monkeypatch: pytest.MonkeyPatch, variable: str, text: str, message: str) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigError, match=message):
        sources.from_variables()
