"""Rules about the values in force."""

from __future__ import annotations

import pytest

from licorne.config import Config
from licorne.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("bind", "h:99999", "bind: 'h:99999' (from f): '99999' is not a valid port number"),
        ("bind", [], "bind: [] (from f): give at least one address."),
        ("raw_env", "X", "raw_env: 'X' (from f): give NAME=VALUE."),
        ("raw_env", "=X", "raw_env: '=X' (from f): give NAME=VALUE."),
        ("threads", 0, "threads: 0 (from f): give 1 or more."),
        ("backlog", 2**31, "backlog: 2147483648 (from f): give 2147483647 or less."),
        ("timeout", 10**10, "timeout: 10000000000 (from f): give 2147483647 or less."),
        ("keepalive_requests", 2**32, "keepalive_requests: 4294967296 (from f): give 2147483647"),
        ("umask", 0o1000, "umask: 512 (from f): give permission bits, such as 022."),
        ("logconfig", "/no/file", "logconfig: '/no/file' (from f): there is no such file."),
    ],
)
def test_complaints(name: str, value: object, message: str) -> None:
    cfg = Config()
    cfg.set(name, value, origin="f")
    with pytest.raises(ConfigError) as caught:
        cfg.validate()
    assert str(caught.value).startswith(f"Invalid value for {message}")


@pytest.mark.parametrize(
    ("name", "value"), [("proxy_protocol", "v1"), ("protocol", "uwsgi"), ("protocol", "fastcgi")]
)
def test_gevents_own_server_speaks_http_alone(name: str, value: str) -> None:
    cfg = Config()
    cfg.set(name, value, origin="f")
    cfg.validate()
    cfg.set("worker_class", "gevent_pywsgi", origin="f")
    with pytest.raises(ConfigError, match=f"{name}: '{value}' .from f.: gevent's own server"):
        cfg.validate()


def test_the_defaults_are_fine() -> None:
    Config().validate()


def secured(**values: object) -> Config:
    cfg = Config()
    cfg.set("certfile", "site.pem", origin="f")
    for name, value in values.items():
        cfg.set(name, value, origin="f")
    return cfg


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("h:99999", "'99999' is not a valid port number: the highest is 65535. Give HOST:PORT"),
        ("fd://3", "a descriptor cannot be given here. Give the address of its socket."),
        ("0.0.0.0:443", "the address is given twice. It either serves or sends clients on."),
    ],
)
def test_where_clients_are_sent_on_from(given: str, message: str) -> None:
    cfg = secured(bind="0.0.0.0:443", redirect_http=given)
    with pytest.raises(ConfigError) as caught:
        cfg.validate()
    assert str(caught.value).startswith(f"Invalid value for redirect_http: '{given}' (from f)")
    assert message in str(caught.value)
    secured(bind="0.0.0.0:443", redirect_http=["0.0.0.0", "unix:/run/plain"]).validate()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("redirect_http", "h:80", "['h:80'] (from f): without TLS there is nothing to send"),
        ("hsts", 60, "'max-age=60' (from f): it is sent over TLS only; where a proxy"),
    ],
)
def test_what_nothing_comes_of_without_tls(name: str, value: object, message: str) -> None:
    cfg = Config()
    cfg.set(name, value, origin="f")
    with pytest.raises(ConfigError) as caught:
        cfg.validate()
    assert str(caught.value).startswith(f"Invalid value for {name}: {message}")
    assert str(caught.value).endswith("Give certfile (and keyfile), or leave it out.")
    secured(**{name: value}).validate()


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (None, None),
        (False, None),
        ("", None),
        (0, "max-age=0"),
        ("31536000", "max-age=31536000"),
        (" max-age=60; includeSubDomains ", "max-age=60; includeSubDomains"),
    ],
)
def test_the_value_of_hsts(given: object, value: str | None) -> None:
    assert secured(hsts=given).hsts == value


@pytest.mark.parametrize("given", [True, "yes", "preload", "max-age=1\r\nX: y", -1])
def test_what_hsts_cannot_be(given: object) -> None:
    with pytest.raises(ConfigError, match="Invalid value for hsts"):
        secured(hsts=given)


def test_http2_that_nothing_negotiates(capsys: pytest.CaptureFixture[str]) -> None:
    cfg = Config()
    cfg.set("http_protocols", "h2,h1")
    cfg.validate()
    assert capsys.readouterr().err == (
        "Warning: http_protocols includes h2 but there is no TLS and http2_cleartext is off, so "
        "HTTP/2 will never be negotiated.\n"
    )
    secured(http_protocols="h2,h1").validate()
    cfg.set("http2_cleartext", "prior-knowledge")
    cfg.validate()
    assert capsys.readouterr().err == ""
