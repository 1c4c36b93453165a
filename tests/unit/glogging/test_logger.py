"""The logger."""

from __future__ import annotations

import io
import json
import logging
import logging.handlers
import os
import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from licorne import glogging
from licorne.config import Config
from licorne.glogging import Logger
from licorne.glogging.syslog import parse_syslog_address
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

Make = Callable[..., Logger]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Logger] = []

    def build(**settings: object) -> Logger:
        cfg = Config()
        for name, value in settings.items():
            cfg.set(name, value)
        made.append(Logger(cfg))
        return made[-1]

    yield build
    for name in ("error", "access"):
        log = logging.getLogger(f"gunicorn.{name}")
        for handler in list(log.handlers):
            log.removeHandler(handler)
            if not isinstance(handler, logging.StreamHandler) or isinstance(
                handler, logging.FileHandler
            ):
                handler.close()
    # dictConfig gives the root logger handlers too.
    for handler in [h for h in logging.root.handlers if type(h) is logging.StreamHandler]:
        logging.root.removeHandler(handler)


@pytest.fixture
def short_tmp() -> Iterator[str]:
    """Socket paths have room for about 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="lc") as folder:
        yield folder


def test_one_object_under_both_names(make: Make) -> None:
    log = make()
    assert log.error_log is logging.getLogger("gunicorn.error")
    assert log.error_log is logging.getLogger("licorne.error")
    assert log.access_log is logging.getLogger("licorne.access")
    assert logging.getLogger("gunicorn.http") is logging.getLogger("licorne.http")
    assert not log.error_log.propagate


def test_the_form_of_a_line(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "e.log"
    log = make(errorlog=str(file))
    log.info("Listening at: %s (%s)", "http://x", 7)
    assert re.fullmatch(
        r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] "
        rf"\[{os.getpid()}\] \[INFO\] Listening at: http://x \(7\)\n",
        file.read_text(),
    )


def test_records_name_the_place_of_the_call(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    log = make(loglevel="debug")
    log.error_log.addHandler(caplog.handler)
    for method in (log.critical, log.error, log.warning, log.info, log.debug, log.exception):
        method("x")
    log.log("warning", "x")
    log.log(logging.INFO, "x")
    assert {record.filename for record in caplog.records} == {"test_logger.py"}
    assert [record.levelname for record in caplog.records][-2:] == ["WARNING", "INFO"]


@pytest.mark.parametrize(("level", "effective"), [("DEBUG", 10), ("warning", 30), ("nonsense", 20)])
def test_levels(make: Make, level: str, effective: int) -> None:
    log = make(loglevel=level)
    assert log.error_log.level == log.loglevel == effective


def test_the_access_log_is_off_until_asked_for(make: Make, tmp_path: Path) -> None:
    log = make()
    assert not log.access_log_enabled
    assert log.access_handler is None
    assert log._get_gunicorn_handler(log.access_log) is None
    log = make(accesslog=str(tmp_path / "a.log"))
    assert log.access_log_enabled
    assert isinstance(log.access_handler, logging.FileHandler)
    assert log.access_handler.formatter is log.access_formatter
    assert log.access_formatter is not None
    assert log.access_formatter._fmt == "%(message)s"
    log = make(accesslog="-")
    assert isinstance(log.access_handler, logging.StreamHandler)
    assert not isinstance(log.access_handler, logging.FileHandler)


class Response:
    status = "200 OK"
    headers = (("Content-Type", "text/html"),)
    sent = 5


class Request:
    headers = (("X-TEST", 'a"b'),)


ENVIRON = {
    "REMOTE_ADDR": "10.1.1.1",
    "REQUEST_METHOD": "GET",
    "RAW_URI": "/x?y=1",
    "PATH_INFO": "/x",
    "QUERY_STRING": "y=1",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "HTTP_REFERER": "r",
    "HTTP_USER_AGENT": "ua",
    "HTTP_AUTHORIZATION": "Basic Ym90OnNlY3JldA==",
}


def test_the_default_access_line(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    log = make(accesslog=str(file))
    log.access(Response(), Request(), ENVIRON, timedelta(seconds=1))
    line = file.read_text()
    assert re.sub(r"\[.*\]", "[t]", line) == (
        '10.1.1.1 - bot [t] "GET /x?y=1 HTTP/1.1" 200 5 "r" "ua"\n'
    )
    assert re.search(r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", line)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%(m)s %(U)s %(q)s %(H)s %(B)s %(l)s", "GET /x y=1 HTTP/1.1 5 -"),
        ("%(T)s %(M)s %(D)s %(L)s", "90001 90001002 90001002003 90001.002003"),
        ("%({X-Test}i)s %({content-type}x)s %({Content-Type}o)s", 'a\\"b - text/html'),
        ("%({raw_uri}e)s %({nothing}e)s %(nothing)s", "/x?y=1 - -"),
    ],
)
def test_atoms(make: Make, tmp_path: Path, form: str, text: str) -> None:
    file = tmp_path / "a.log"
    log = make(accesslog=str(file), access_log_format=form)
    took = timedelta(days=1, seconds=3601, microseconds=2003)
    log.access(Response(), Request(), ENVIRON, took)
    assert file.read_text() == text + "\n"


def test_headers_as_a_mapping(make: Make, tmp_path: Path) -> None:
    class Foreign:
        headers = {"X-Test": "in a dict"}  # noqa: RUF012 - as in workers of others

    file = tmp_path / "a.log"
    log = make(accesslog=str(file), access_log_format="%({x-test}i)s")
    log.access(Response(), Foreign(), ENVIRON, timedelta())
    assert file.read_text() == "in a dict\n"


def test_the_process_atom(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    make(accesslog=str(file), access_log_format="%(p)s").access(
        Response(), Request(), ENVIRON, timedelta()
    )
    assert file.read_text() == f"<{os.getpid()}>\n"


def test_a_form_that_cannot_be_filled_does_not_fail_the_request(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    log = make(accesslog="-", access_log_format="%(h)d")
    log.access(Response(), Request(), {}, timedelta())
    # A format of the user: logging itself reports what it cannot format.
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("--- Logging error ---\n")
    assert "TypeError: %d format" in err


@pytest.mark.parametrize(
    "header", ["Basic", "Basic ???", "Bearer x", "Basic /w==", None, "basic Ym90"]
)
def test_strange_credentials(make: Make, header: str | None) -> None:
    log = make()
    environ = {**ENVIRON, "HTTP_AUTHORIZATION": header}
    user = log.atoms(Response(), Request(), environ, timedelta())["u"]
    assert user == ("bot" if header == "basic Ym90" else "-")


def test_files_are_reopened_wherever_they_are(make: Make, tmp_path: Path) -> None:
    file, foreign = tmp_path / "e.log", tmp_path / "f.log"
    log = make(errorlog=str(file))
    other = logging.getLogger("an.application")
    handler = logging.FileHandler(foreign)
    other.addHandler(handler)
    try:
        log.info("one")
        file.rename(tmp_path / "e.log.1")
        foreign.unlink()
        log.reopen_files()
        log.info("two")
        assert file.read_text().endswith("two\n")
        assert foreign.exists()
    finally:
        other.removeHandler(handler)
        handler.close()


def test_settings_applied_again_leave_one_handler(make: Make, tmp_path: Path) -> None:
    make(errorlog=str(tmp_path / "a"))
    log = make(errorlog=str(tmp_path / "b"))
    files = [h.baseFilename for h in log.error_log.handlers if isinstance(h, logging.FileHandler)]
    assert files == [str(tmp_path / "b")]


def test_handlers_of_users_stay(make: Make) -> None:
    log = make()
    mine = logging.StreamHandler(io.StringIO())
    log.error_log.addHandler(mine)
    log.setup(log.cfg)
    assert mine in log.error_log.handlers


def test_a_file_that_cannot_be_written(make: Make) -> None:
    with pytest.raises(RuntimeError, match="Error: '/no/such/dir/x' isn't writable"):
        make(errorlog="/no/such/dir/x")


def test_logs_are_given_to_the_user_of_the_workers(make: Make, tmp_path: Path) -> None:
    """Where that can be done; a device belongs to no user in particular."""
    file = tmp_path / "e.log"
    make(errorlog=str(file), accesslog=os.devnull, user=1).info("x")
    assert file.read_text()
    assert file.stat().st_uid == (1 if os.geteuid() == 0 else os.geteuid())
    assert os.stat(os.devnull).st_uid == 0


def test_subclasses_with_their_own_form(tmp_path: Path, make: Make) -> None:
    class Mine(Logger):
        error_fmt = "mine %(message)s"

    make()
    cfg = Config()
    cfg.set("errorlog", str(tmp_path / "e"))
    Mine(cfg).warning("x")
    assert (tmp_path / "e").read_text() == "mine x\n"


def test_a_logging_configuration_as_a_dict(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "x.log"
    config = {
        "handlers": {"f": {"class": "logging.FileHandler", "filename": str(file)}},
        "loggers": {"gunicorn.error": {"handlers": ["f"], "level": "INFO", "propagate": False}},
        "root": {"handlers": []},
    }
    log = make(logconfig_dict=config)
    log.info("to the file")
    assert file.read_text() == "to the file\n"
    assert log.access_log_enabled
    assert set(glogging.CONFIG_DEFAULTS) >= {"version", "root", "loggers", "formatters"}


def test_a_logging_configuration_as_json(make: Make, tmp_path: Path) -> None:
    file, config = tmp_path / "x.log", tmp_path / "log.json"
    config.write_text(
        json.dumps(
            {
                "handlers": {"f": {"class": "logging.FileHandler", "filename": str(file)}},
                "loggers": {"gunicorn.error": {"handlers": ["f"], "level": "INFO"}},
                "root": {"handlers": []},
            }
        )
    )
    make(logconfig_json=str(config)).info("json")
    assert file.read_text() == "json\n"
    make(logconfig_json=str(tmp_path / "missing"))


INI = """
[loggers]
keys=root, gunicorn.error
[handlers]
keys=f
[formatters]
keys=
[logger_root]
handlers=
[logger_gunicorn.error]
level=INFO
handlers=f
propagate=0
qualname=gunicorn.error
[handler_f]
class=FileHandler
args=('%(here)s/x.log',)
"""


def test_a_logging_configuration_as_ini(make: Make, tmp_path: Path) -> None:
    (tmp_path / "log.ini").write_text(INI)
    make(logconfig=str(tmp_path / "log.ini")).info("ini")
    assert (tmp_path / "x.log").read_text() == "ini\n"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"handlers": {"f": {"class": "no.Such"}}}, r"handler 'f' \(.*No module named 'no'"),
        ({"version": 9}, "Unsupported version: 9"),
    ],
)
def test_a_configuration_that_cannot_be_used(
    make: Make, config: dict[str, object], said: str
) -> None:
    refused = r"Cannot apply the logging configuration of logconfig_dict \(from cfg.set\(\)\): .*"
    with pytest.raises(RuntimeError, match=refused + said):
        make(logconfig_dict=config)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("logconfig", "no ini", "File contains no section headers"),
        ("logconfig", "[loggers]\nkeys=root\n", "missing"),
        ("logconfig_json", "{", "Expecting property name"),
    ],
)
def test_a_file_that_cannot_be_used(
    make: Make, tmp_path: Path, name: str, text: str, said: str
) -> None:
    file = tmp_path / "logging.conf"
    file.write_text(text)
    with pytest.raises(RuntimeError, match=rf"(?s)of {name} '{file}' \(from .*{said}"):
        make(**{name: str(file)})


def test_syslog(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(path))
        log = make(syslog=True, syslog_addr=f"unix://{path}#dgram", syslog_prefix="shop")
        log.info("hello")
        message = daemon.recv(200)
        assert message.startswith(b"<14>gunicorn.shop.error: [%d] hello" % os.getpid())
        assert log.access_log_enabled
        log.setup(log.cfg)
        kinds = [isinstance(h, logging.handlers.SysLogHandler) for h in log.error_log.handlers]
        assert kinds.count(True) == 1
        log = make(syslog=True, syslog_addr=f"unix://{path}", proc_name="the:shop")
        log.info("hello")
        assert daemon.recv(200).startswith(b"<14>gunicorn.the.shop.error: ")


def test_a_syslog_that_does_not_read(
    make: Make, short_tmp: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = f"{short_tmp}/s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(path)
        log = make(syslog=True, syslog_addr=f"unix://{path}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stuffing:
            stuffing.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    stuffing.sendto(b"x", path)
        capfd.readouterr()
        log.info("first")
        log.info("second")
    assert capfd.readouterr().err.count("Cannot write the log in syslog: ") == 1


def test_a_syslog_that_comes_later(make: Make, short_tmp: str) -> None:
    path = f"{short_tmp}/s"
    log = make(syslog=True, syslog_addr=f"unix://{path}")
    log.info("too early")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(path)
        daemon.settimeout(PATIENCE)
        log.info("there")
        assert b"there" in daemon.recv(200)


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("unix:///dev/log", (None, "/dev/log")),
        ("unix:///dev/log#stream", (socket.SOCK_STREAM, "/dev/log")),
        ("udp://h:1", (socket.SOCK_DGRAM, ("h", 1))),
        ("udp://h", (socket.SOCK_DGRAM, ("h", 514))),
        ("tcp://[::1]:1", (socket.SOCK_STREAM, ("::1", 1))),
    ],
)
def test_syslog_addresses(address: str, parsed: object) -> None:
    assert parse_syslog_address(address) == parsed


@pytest.mark.parametrize("address", ["h:1", "ftp://x", "unix:///x#seqpacket", "udp://h:x"])
def test_bad_syslog_addresses(address: str) -> None:
    with pytest.raises(RuntimeError, match="Invalid syslog address"):
        parse_syslog_address(address)


def test_an_unknown_facility(make: Make) -> None:
    with pytest.raises(RuntimeError, match="syslog_facility: 'x': give one of"):
        make(syslog=True, syslog_facility="x")
