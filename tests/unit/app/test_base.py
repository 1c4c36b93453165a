"""From settings to a running arbiter: sources in order, refusals, embedding, the call chain."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from licorne.app.base import Application, BaseApplication
from licorne.app.wsgiapp import WSGIApplication

USAGE = "%(prog)s [OPTIONS] [APP_MODULE]"
VARIABLES = ("GUNICORN_CMD_ARGS", "LICORNE_CMD_ARGS", "PORT", "WEB_CONCURRENCY", "SENDFILE")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    # Reading a command line makes `gunicorn` mean licorne.
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> WSGIApplication:
    monkeypatch.setattr(sys, "argv", ["licorne", *words])
    return WSGIApplication(USAGE, prog="licorne")


def test_later_sources_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(
        "workers = 2\nthreads = 2\ntimeout = 2\nbacklog = 2\nkeepalive = 2\n"
    )
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--threads 3 --timeout 3 --backlog 3")
    monkeypatch.setenv("LICORNE_CMD_ARGS", "--timeout 4 --backlog 4")
    cfg = command(monkeypatch, "m:app", "--backlog", "5").cfg
    assert (cfg.workers, cfg.threads, cfg.timeout, cfg.backlog, cfg.keepalive) == (2, 3, 4, 5, 2)
    assert [cfg.origins[name] for name in ("workers", "threads", "timeout", "backlog")] == [
        str(tmp_path / "gunicorn.conf.py"),
        "GUNICORN_CMD_ARGS",
        "LICORNE_CMD_ARGS",
        "command line",
    ]


@pytest.mark.parametrize("where", ["command line", "GUNICORN_CMD_ARGS"])
def test_the_named_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = 2\n")
    (tmp_path / "other.py").write_text("workers = 3\nwsgi_app = 'm:app'\n")
    words = ["-c", "other.py"]
    if where != "command line":
        monkeypatch.setenv(where, " ".join(words))
        words = []
    app = command(monkeypatch, *words)
    assert app.cfg.workers == 3
    assert app.app_uri == "m:app"


@pytest.mark.parametrize("words", [(), ("-c", "gunicorn.conf.py")])
def test_files_are_sought_where_the_server_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """`chdir` counts for the application, not for the file that may set it (as in gunicorn)."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "gunicorn.conf.py").write_text("workers = 9")
    (tmp_path / "gunicorn.conf.py").write_text("import os\nproc_name = os.getcwd()\nworkers = 2")
    app = command(monkeypatch, "m:app", "--chdir", "inner", *words)
    assert (app.cfg.workers, app.cfg.proc_name) == (2, str(tmp_path))
    assert (app.cfg.chdir, str(Path.cwd())) == (str(inner), str(inner))
    assert sys.path[0] == str(inner)


def test_a_paste_file_is_sought_there_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "site.ini").write_text("[app:main]\n")
    app = command(monkeypatch, "--paste", "site.ini#main", "--chdir", "inner")
    assert app.app_uri == f"{tmp_path}/site.ini#main"


@pytest.mark.parametrize("words", [("-c", ""), ("--config=", "m:app"), ("", "-c", "")])
def test_a_blank_variable_names_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """`licorne "$APP" -c "$FILE"` with nothing in the variables."""
    (tmp_path / "gunicorn.conf.py").write_text("workers = 2\nwsgi_app = 'm:app'")
    app = command(monkeypatch, *words)
    assert (app.cfg.workers, app.app_uri) == (2, "m:app")


def test_a_reader_of_files_may_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Doubled(WSGIApplication):
        def get_config_from_filename(self, filename: str) -> dict[str, object]:
            found = super().get_config_from_filename(filename)
            return {**found, "workers": 2 * int(str(found["workers"])), "colour": "red"}

    (tmp_path / "gunicorn.conf.py").write_text("workers = 2")
    monkeypatch.setattr(sys, "argv", ["licorne", "m:app"])
    assert Doubled(USAGE, prog="licorne").cfg.workers == 4


def test_a_mistake_in_a_variable_says_where_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "-w many")
    with pytest.raises(SystemExit) as ended:
        command(monkeypatch, "m:app")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "argument -w/--workers: invalid int value: 'many' (from GUNICORN_CMD_ARGS)" in said


def test_the_name_follows_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    app = command(monkeypatch, "shop.wsgi:app", "-w", "2")
    assert app.app_uri == "shop.wsgi:app"
    assert app.cfg.proc_name == "shop.wsgi:app"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["m:a", "-c", "no.py"], "Error: 'no.py' doesn't exist"),
        (["m:a", "-b", "h:x"], "Error: Invalid value for bind: 'h:x' (from command line): "),
        (["m:a", "--chdir", "no"], "Error: Invalid value for chdir: 'no' (from command line): "),
        (["m:a", "--threads", "0"], "Error: Invalid value for threads: 0 (from command line): "),
    ],
)
def test_refusals_are_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        command(monkeypatch, *words)
    assert ended.value.code == 1
    blank, line = capsys.readouterr().err.splitlines()
    assert blank == ""
    assert line.startswith(message)


def test_a_broken_file_shows_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("1 / 0\n")
    with pytest.raises(SystemExit) as ended:
        command(monkeypatch, "m:app")
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"Failed to read config file: {tmp_path}/gunicorn.conf.py\nTraceback")
    assert shown.endswith("ZeroDivisionError: division by zero\n")


def test_a_reload_that_fails_keeps_the_present(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gunicorn.conf.py"
    file.write_text("workers = 2\n")
    app = command(monkeypatch, "m:app")
    present = app.cfg
    file.write_text("workers = 'x'\n")
    with pytest.raises(Exception, match="Invalid value for workers"):
        app.reload()
    assert app.cfg is present
    file.write_text("workers = 7\n")
    app.reload()
    assert app.cfg.workers == 7


class Standalone(BaseApplication):
    """The recipe of gunicorn's documentation."""

    def __init__(self, app: object, options: dict[str, object]) -> None:
        self.options = options
        self.application = app
        super().__init__()

    def load_config(self) -> None:
        known = {k: v for k, v in self.options.items() if k in self.cfg.settings and v is not None}
        for key, value in known.items():
            self.cfg.set(key.lower(), value)

    def load(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return self.application


def test_the_standalone_recipe_reads_no_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["click-program", "--verbose", "serve"])

    def wsgi(_environ: object, _start_response: object) -> list[bytes]:
        return []

    app = Standalone(wsgi, {"bind": "127.0.0.1:8080", "workers": 3, "colour": 1, "user": None})
    assert app.cfg.bind == ["127.0.0.1:8080"]
    assert app.cfg.workers == 3
    assert app.wsgi() is wsgi
    assert app.callable is wsgi


def test_framework_settings_come_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Framework(Application):
        def init(self, parser, opts, args):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            assert parser.prog == "fw"
            assert opts.backlog == 9
            assert args == ["site"]
            return {"workers": 5, "threads": 5}

    (tmp_path / "gunicorn.conf.py").write_text("threads = 6\n")
    monkeypatch.setattr(sys, "argv", ["fw", "site", "--backlog", "9"])
    cfg = Framework(USAGE, prog="fw").cfg
    assert (cfg.workers, cfg.threads, cfg.backlog) == (5, 6, 9)
    assert cfg.origins["workers"] == "the application"


def licorne(*words: str, cwd: Path, script: str | None = None) -> subprocess.CompletedProcess[str]:
    program = ["-m", "licorne"] if script is None else [script]
    return subprocess.run(
        [sys.executable, *program, *words],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if k not in VARIABLES},
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_config(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("def application(e, s): pass\n")
    (tmp_path / "bad.py").write_text("1 / 0\n")
    worker = ("-k", "licorne.workers.base.Worker")
    assert licorne("--check-config", *worker, "good", cwd=tmp_path).returncode == 0
    failed = licorne("--check-config", *worker, "bad", cwd=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.startswith("\nError while loading the application:\n\nTraceback")
    # gunicorn says that this configuration is fine.
    (tmp_path / "log.ini").write_text("no ini")
    failed = licorne("--check-config", "--log-config", "log.ini", "good", cwd=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.startswith("\nError: Cannot apply the logging configuration of logconfig")
    assert "Traceback" not in failed.stderr
    failed = licorne("--check-config", "-k", "asgi", "good", cwd=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.startswith("\nError: the worker type asgi calls app(scope, receive, send)")
    (tmp_path / "other.py").write_text("async def application(scope, receive, send): pass\n")
    failed = licorne("--check-config", "-k", "sync", "other", cwd=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.startswith("\nError: the application is ASGI, and the worker type sync (")
    assert licorne("--check-config", "other", cwd=tmp_path).returncode == 0
    assert licorne("--check-config", "-k", "asgi", "other", cwd=tmp_path).returncode == 0


def test_print_config(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("def application(e, s): pass\n")
    shown = licorne(
        "--print-config", "-k", "licorne.workers.base.Worker", "-w", "3", "good", cwd=tmp_path
    )
    assert shown.returncode == 0
    lines = {
        line.split(" = ")[0].strip(): line.split(" = ", 1)[1] for line in shown.stdout.splitlines()
    }
    assert lines["workers"] == "3  # command line"
    assert lines["bind"] == "['127.0.0.1:8000']"


def test_usage_errors_are_status_2(tmp_path: Path) -> None:
    failed = licorne("--nope", cwd=tmp_path)
    assert failed.returncode == 2
    assert failed.stderr == (
        "usage: licorne [OPTIONS] [APP_MODULE]\n"
        "licorne: error: unrecognized arguments: --nope. --help-all lists the flags.\n"
    )


def test_the_script_runs_from_its_own_folder(tmp_path: Path) -> None:
    """A reader of old articles puts `app.py` beside `wsgiapp.py` and runs it there."""
    import licorne as package  # noqa: PLC0415

    here = os.path.dirname(package.__file__)
    (tmp_path / "licorne").symlink_to(here)
    work = tmp_path / "work"
    work.mkdir()
    (work / "app.py").write_text("def app(e, s): pass\n")
    script = str(tmp_path / "licorne" / "app" / "wsgiapp.py")
    words = ("--check-config", "-k", "licorne.workers.base.Worker", "app:app")
    done = licorne(*words, cwd=work, script=script)
    assert (done.returncode, done.stderr) == (0, "")


CHAIN = """
import sys
import licorne.arbiter, licorne.app.base, licorne.app.wsgiapp, licorne.util
import licorne.workers.base
from licorne.app import wsgiapp

calls = []

def watch(owner, name):
    original = getattr(owner, name)
    def call(*args, **kwargs):
        calls.append(f"{owner.__name__.rpartition('.')[2]}.{name}")
        return original(*args, **kwargs)
    setattr(owner, name, call)

class Quiet(licorne.workers.base.Worker):
    def run(self):
        print("CHAIN", *calls, flush=True)

for owner, names in {
    licorne.app.base.Application: ["run"],
    licorne.app.base.BaseApplication: ["run", "wsgi"],
    licorne.arbiter.Arbiter: [
        "run", "start", "manage_workers", "spawn_workers", "spawn_worker",
    ],
    licorne.workers.base.Worker: ["init_process", "load_wsgi"],
    wsgiapp.WSGIApplication: ["load", "load_wsgiapp"],
    licorne.util: ["import_app"],
}.items():
    for name in names:
        watch(owner, name)
sys.argv = ["licorne", "-b", "127.0.0.1:0", "-k", "chain.Quiet", "site_app:app"]
sys.modules["chain"] = sys.modules["__main__"]
wsgiapp.run()
"""


def test_the_call_chain(tmp_path: Path) -> None:
    """Every name that articles about gunicorn's start mention, in their order."""
    pytest.importorskip("licorne._engine", reason="the scoreboard is native")
    (tmp_path / "chain_of_calls.py").write_text(CHAIN)
    (tmp_path / "site_app.py").write_text("def app(e, s): pass\n")
    process = subprocess.Popen(
        [sys.executable, "chain_of_calls.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
    finally:
        process.terminate()
        process.stdout.close()
        process.wait()
    assert line.split() == [
        "CHAIN",
        "Application.run",
        "BaseApplication.run",
        "Arbiter.run",
        "Arbiter.start",
        "Arbiter.manage_workers",
        "Arbiter.spawn_workers",
        "Arbiter.spawn_worker",
        "Worker.init_process",
        "Worker.load_wsgi",
        "BaseApplication.wsgi",
        "WSGIApplication.load",
        "WSGIApplication.load_wsgiapp",
        "util.import_app",
    ]


def test_check_config_tells_all_that_a_start_would_need(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("def application(e, s): pass\n")
    words = ("-b", "unix:/not/there/s", "-p", "/not/there/pid", "-k", "nope", "good")
    failed = licorne("--check-config", *words, cwd=tmp_path)
    assert failed.returncode == 1
    errors = [line for line in failed.stderr.splitlines() if line]
    assert len(errors) == 3
    assert errors[0].endswith("there is no directory /not/there; create it.")
    assert errors[1].startswith("Error: Invalid value for pidfile: '/not/there/pid' (from command")
    assert errors[2].startswith(
        "Error: Invalid value for worker_class: 'nope' (from command line): "
        "class uri 'nope' invalid or not found: known names are"
    )
    failed = licorne("--check-config", "good:missing", cwd=tmp_path)
    assert failed.stderr == "\nError: Failed to find attribute 'missing' in 'good'.\n"


def test_all_broken_rules_are_told(tmp_path: Path) -> None:
    failed = licorne("--threads", "0", "--dirty-app", "x:App", "-e", "A", "m", cwd=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.count("Error: ") == 3
    assert "dirty_apps is not available yet in licorne" in failed.stderr
