"""The declarations: complete, documented, and gunicorn's where gunicorn has the setting."""

from __future__ import annotations

import pytest

from licorne.config import Config, convert
from licorne.config.option import Option, Section, option
from licorne.config.settings import OPTIONS, Settings
from licorne.config.settings.hooks import nothing

#: name: (flags, default) of gunicorn 27.
GUNICORN: dict[str, tuple[tuple[str, ...], object]] = {
    "config": (("-c", "--config"), "./gunicorn.conf.py"),
    "wsgi_app": ((), None),
    "bind": (("-b", "--bind"), ["127.0.0.1:8000"]),
    "backlog": (("--backlog",), 2048),
    "workers": (("-w", "--workers"), 1),
    "worker_class": (("-k", "--worker-class"), "sync"),
    "threads": (("--threads",), 1),
    "worker_connections": (("--worker-connections",), 1000),
    "max_requests": (("--max-requests",), 0),
    "max_requests_jitter": (("--max-requests-jitter",), 0),
    "timeout": (("-t", "--timeout"), 30),
    "graceful_timeout": (("--graceful-timeout",), 30),
    "limit_request_line": (("--limit-request-line",), 4094),
    "limit_request_fields": (("--limit-request-fields",), 100),
    "limit_request_field_size": (("--limit-request-field_size",), 8190),
    "check_config": (("--check-config",), False),
    "print_config": (("--print-config",), False),
    "preload_app": (("--preload",), False),
    "sendfile": (("--no-sendfile",), None),
    "reuse_port": (("--reuse-port",), False),
    "daemon": (("-D", "--daemon"), False),
    "raw_env": (("-e", "--env"), []),
    "pidfile": (("-p", "--pid"), None),
    "worker_tmp_dir": (("--worker-tmp-dir",), None),
    "umask": (("-m", "--umask"), 0),
    "initgroups": (("--initgroups",), False),
    "tmp_upload_dir": ((), None),
    "secure_scheme_headers": (
        (),
        {
            "X-FORWARDED-PROTOCOL": "ssl",
            "X-FORWARDED-PROTO": "https",
            "X-FORWARDED-SSL": "on",
        },
    ),
    "forwarded_allow_ips": (("--forwarded-allow-ips",), ["127.0.0.1", "::1"]),
    "pythonpath": (("--pythonpath",), None),
    "permit_obsolete_folding": (("--permit-obsolete-folding",), False),
    "strip_header_spaces": (("--strip-header-spaces",), False),
    "permit_unconventional_http_method": (("--permit-unconventional-http-method",), False),
    "permit_unconventional_http_version": (("--permit-unconventional-http-version",), False),
    "casefold_http_method": (("--casefold-http-method",), False),
    "forwarder_headers": (("--forwarder-headers",), ["SCRIPT_NAME", "PATH_INFO"]),
    "header_map": (("--header-map",), "drop"),
    "accesslog": (("--access-logfile",), None),
    "disable_redirect_access_to_syslog": (("--disable-redirect-access-to-syslog",), False),
    "access_log_format": (
        ("--access-logformat",),
        '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
    ),
    "errorlog": (("--error-logfile", "--log-file"), "-"),
    "loglevel": (("--log-level",), "info"),
    "capture_output": (("--capture-output",), False),
    "logconfig": (("--log-config",), None),
    "logconfig_dict": ((), {}),
    "logconfig_json": (("--log-config-json",), None),
    "syslog": (("--log-syslog",), False),
    "syslog_prefix": (("--log-syslog-prefix",), None),
    "syslog_facility": (("--log-syslog-facility",), "user"),
    "enable_stdio_inheritance": (("-R", "--enable-stdio-inheritance"), False),
    "proc_name": (("-n", "--name"), None),
}

HOOKS = {
    "on_starting", "on_reload", "when_ready", "pre_fork", "post_fork", "post_worker_init",
    "worker_int", "worker_abort", "pre_exec", "pre_request", "post_request", "child_exit",
    "worker_exit", "nworkers_changed", "on_exit",
}  # fmt: skip

#: Where a user meets another value or name than gunicorn's, on purpose.
DIFFERENT = {"keepalive": 75, "logger_class": "licorne.glogging.Logger"}


@pytest.fixture
def cfg(monkeypatch: pytest.MonkeyPatch) -> Config:
    for name in ("PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "SENDFILE"):
        monkeypatch.delenv(name, raising=False)
    return Config(prog="licorne")


@pytest.mark.parametrize("name", GUNICORN)
def test_gunicorns_flags_and_defaults(cfg: Config, name: str) -> None:
    flags, default = GUNICORN[name]
    assert OPTIONS[name].flags == flags
    assert cfg.values[name] == default


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_gunicorns_hooks(cfg: Config, name: str) -> None:
    assert cfg.values[name] is nothing


@pytest.mark.parametrize("name", sorted(DIFFERENT))
def test_deliberate_differences(cfg: Config, name: str) -> None:
    assert cfg.values[name] == DIFFERENT[name]


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_setting_is_complete(name: str) -> None:
    declared = OPTIONS[name]
    assert declared.section
    assert declared.brief.endswith(".")
    assert declared.convert is not None or declared.type in convert.BY_TYPE
    assert declared.reload in {"workers", "rebind", "logs", "restart"}
    assert all(flag.startswith("-") for flag in declared.flags)


def test_flags_are_unique() -> None:
    flags = [flag for declared in OPTIONS.values() for flag in declared.flags]
    assert len(flags) == len(set(flags))


def test_defaults_are_not_shared() -> None:
    first, second = Config(), Config()
    first.bind.append("x")
    assert "x" not in second.bind


def test_settings_are_read_only(cfg: Config) -> None:
    with pytest.raises(AttributeError, match=r"cfg\.set"):
        cfg.workers = 3


def test_a_section_outside_of_the_server() -> None:
    class Extra(Section):
        """Extra"""

        colour: str = option("--colour", default="red", doc="A colour.")

    declared = vars(Extra)["colour"]
    assert isinstance(declared, Option)
    assert (declared.name, declared.section, declared.type) == ("colour", "Extra", "str")
    assert Settings.workers is OPTIONS["workers"]
