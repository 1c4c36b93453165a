"""Rules about the values in force that no single conversion can know.

Each rule yields a sentence with the setting, the value, its origin and the remedy.
"""

from __future__ import annotations

import os

from licorne.config import convert
from licorne.config.settings import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne.config.config import Config

#: One of these asks for a feature that is still to come. Settings that say how such a
#: feature works (`dirty_timeout`) have no effect without it, in gunicorn as well.
SWITCHES = ("dirty_apps",)


def complaints(cfg: Config) -> Iterator[str]:
    """What is wrong with the settings, in words for the user."""
    for rule in (
        _features,
        _front,
        _addresses,
        _tls_only,
        _redirects,
        _variables,
        _threads,
        _numbers,
        _log_files,
        _extra_files,
    ):
        yield from rule(cfg)


def warnings(cfg: Config) -> Iterator[str]:
    """What does nothing as it is set, in gunicorn's words."""
    if "h2" in cfg.http_protocols and not cfg.is_ssl and cfg.http2_cleartext == "off":
        yield (
            "http_protocols includes h2 but there is no TLS and http2_cleartext is off, so HTTP/2 "
            "will never be negotiated."
        )


def _features(cfg: Config) -> Iterator[str]:
    for name in SWITCHES:
        value = cfg.values[name]
        # Nothing in `--certfile "$CERT"` is no certificate.
        if OPTIONS[name].later and value and value != OPTIONS[name].initial():
            from licorne.config import later  # noqa: PLC0415 - only for a refusal

            yield later.complaint(OPTIONS[name], value, cfg.origins[name])


def _front(cfg: Config) -> Iterator[str]:
    """gevent's own server speaks HTTP alone, and would do so whatever was asked for."""
    if cfg.values["worker_class"] not in {"gevent_pywsgi", "gevent_wsgi"}:
        return
    for name, plain in (("proxy_protocol", "off"), ("protocol", "http")):
        if cfg.values[name] != plain:
            said = (
                f"gevent's own server (worker_class {cfg.values['worker_class']}) has none of it."
            )
            yield f"{given(cfg, name, cfg.values[name])}: {said} Use the worker class gevent."


def _addresses(cfg: Config) -> Iterator[str]:
    for each in cfg.bind:
        try:
            convert.address(each)
        except ValueError as error:
            yield f"{given(cfg, 'bind', each)}: {error} Give HOST:PORT, unix:PATH or fd://N."
    try:
        convert.metrics_address(cfg.metrics_bind)
    except ValueError as error:
        said = f"{error} Give HOST:PORT or unix:PATH."
        yield f"{given(cfg, 'metrics_bind', cfg.metrics_bind)}: {said}"
    if not cfg.bind:
        yield f"{given(cfg, 'bind', cfg.bind)}: give at least one address."


def _tls_only(cfg: Config) -> Iterator[str]:
    """Settings that do nothing without TLS, and that a user would rely on."""
    for name, said in (
        ("redirect_http", "without TLS there is nothing to send clients on to."),
        ("hsts", "it is sent over TLS only; where a proxy speaks TLS, have the proxy send it."),
    ):
        if cfg.values[name] and not cfg.is_ssl:
            remedy = "Give certfile (and keyfile), or leave it out."
            yield f"{given(cfg, name, cfg.values[name])}: {said} {remedy}"


def _redirects(cfg: Config) -> Iterator[str]:
    for each in cfg.redirect_http:
        try:
            address = convert.address(each)
        except ValueError as error:
            yield f"{given(cfg, 'redirect_http', each)}: {error} Give HOST:PORT or unix:PATH."
            continue
        if isinstance(address, int):
            said = "a descriptor cannot be given here. Give the address of its socket."
            yield f"{given(cfg, 'redirect_http', each)}: {said}"
    double = [*cfg.bind, *cfg.redirect_http]
    for each in cfg.redirect_http:
        if double.count(each) > 1:
            said = "the address is given twice. It either serves or sends clients on."
            yield f"{given(cfg, 'redirect_http', each)}: {said}"
            break


def _variables(cfg: Config) -> Iterator[str]:
    for entry in cfg.raw_env:
        if not entry.partition("=")[0] or "=" not in entry:
            yield f"{given(cfg, 'raw_env', entry)}: give NAME=VALUE."
    for entry in cfg.raw_paste_global_conf:
        if "=" not in entry.replace("\\=", ""):
            yield f"{given(cfg, 'raw_paste_global_conf', entry)}: give NAME=VALUE."


def _threads(cfg: Config) -> Iterator[str]:
    if cfg.threads < 1:
        yield f"{given(cfg, 'threads', cfg.threads)}: give 1 or more."


def _numbers(cfg: Config) -> Iterator[str]:
    # The kernel takes an int, and no clock runs for longer than some decades.
    most = convert.LONGEST
    names = (
        "backlog", "timeout", "graceful_timeout", "keepalive", "keepalive_requests",
        "connections_per_address",
    )  # fmt: skip
    for name in names:
        value = cfg.values[name]
        if isinstance(value, int) and value > most:
            yield f"{given(cfg, name, value)}: give {most} or less."
    if cfg.umask > 0o777:
        yield f"{given(cfg, 'umask', cfg.umask)}: give permission bits, such as 022."


def _log_files(cfg: Config) -> Iterator[str]:
    for entry in cfg.access_log_exclude:
        status = len(entry) == 3 and entry.isascii() and entry[0] in "12345"
        if not entry.startswith("/") and not (status and (entry[1:] == "xx" or entry.isdigit())):
            said = "give a path (/healthz, /static/*) or a status (404, 2xx)."
            yield f"{given(cfg, 'access_log_exclude', entry)}: {said}"
    if cfg.logconfig and not os.path.exists(cfg.logconfig):
        yield f"{given(cfg, 'logconfig', cfg.logconfig)}: there is no such file."


def _extra_files(cfg: Config) -> Iterator[str]:
    for entry in cfg.reload_extra_files:
        try:
            convert.watched(entry)
        except ValueError as error:
            yield f"{given(cfg, 'reload_extra_files', entry)}: {error}"


def given(cfg: Config, name: str, value: object) -> str:
    """How a complaint begins: the setting, the value, and where it came from."""
    return f"Invalid value for {name}: {value!r} (from {cfg.origins[name]})"
