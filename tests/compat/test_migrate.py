"""`licorne migrate`: files in the shapes that public projects have, of every server.

What is written has to be TOML that `licorne --check-config` takes, with an application beside it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from licorne import cgroup
from licorne.config import toml
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

FILES = Path(__file__).with_name("migrations")
#: Of each file: the settings that come of it, texts in its comments, and in its unknown part.
CASES: dict[str, tuple[dict[str, object], tuple[str, ...], tuple[str, ...]]] = {
    "gunicorn/env_driven.conf.py": (
        {
            "bind": ["0.0.0.0:8000"], "workers": 4, "threads": 4, "timeout": 120,
            "graceful_timeout": 30, "keepalive": 5, "max_requests": 1000,
            "max_requests_jitter": 100, "accesslog": "-", "errorlog": "-", "loglevel": "info",
        },
        (
            "# workers, FILE:9; computed here and now: int(os.getenv(\"GUNICORN_WORKERS\", \"4\"))",
            "- worker_tmp_dir = /dev/shm (FILE:16)\n#   there are no heartbeat files.",
        ),
        (),
    ),
    "gunicorn/fastapi_hooks.conf.py": (
        {
            "bind": ["0.0.0.0:8080", "[::]:8081"], "workers": 2, "worker_class": "asgi",
            "preload_app": False, "forwarded_allow_ips": "*",
            "secure_scheme_headers": {"X-FORWARDED-PROTO": "https"},
            "raw_env": ["ENVIRONMENT=production", "DEBUG=false"],
            "access_log_format": '%(h)s %(t)s "%(r)s" %(s)s "%({x-request-id}i)s"',
        },
        (
            "Functions stay in Python: when_ready (FILE:20), post_fork (FILE:24).",
            "Keep them in a file called licorne.conf.py beside licorne.toml",
            "(FILE:13)\n#   TOML has no form for this value: keep it in the Python file.",
        ),
        (),
    ),
    "gunicorn/unit.service": (
        {
            "wsgi_app": "shop.wsgi:application", "accesslog": "-", "workers": 3, "threads": 8,
            "bind": ["unix:shop.sock"], "worker_class": "gthread",
        },
        ("# workers, FILE:11",),
        (),
    ),
    "gunicorn/Procfile": (
        {
            "wsgi_app": "shop.wsgi", "max_requests": 1200, "errorlog": "-",
            "raw_env": ["DJANGO_SETTINGS_MODULE=shop.settings"],
        },
        (
            "licorne reads PORT itself: without `bind` it listens at 0.0.0.0:$PORT.",
            "licorne reads WEB_CONCURRENCY itself.",
        ),
        (),
    ),
    "uwsgi/django.ini": (
        {
            "wsgi_app": "shop.wsgi:application", "bind": ["unix:shop.sock"],
            "workers": cgroup.processors() * 2, "threads": 2, "user": "root", "umask": "0113",
            "request_timeout": 180.0, "max_requests": 5000, "max_worker_memory": "256M",
            "graceful_timeout": 60, "reload": False, "chdir": ".",
            "raw_env": ["DJANGO_SETTINGS_MODULE=shop.settings", "LANG=C.UTF-8"],
        },
        (
            "# socket, FILE:13",
            "- buffer-size = 65536 (FILE:16)\n#   a head is bounded by",
            "- cheaper-algo = busyness (FILE:27)\n#   the number of workers is fixed",
            "- attach-daemon = celery -A shop worker (FILE:29)\n#   cron, spooler, mules and",
            "- if-env = DEBUG (FILE:32)\n#   the logic of ini files is not followed",
        ),
        ("- thread = 4 (FILE:10)\n#   licorne migrate does not know this option. Did you mean",),
    ),
    "uwsgi/site.xml": (
        {
            "wsgi_app": "shop.wsgi:application", "bind": ["127.0.0.1:3031"], "workers": 4,
            "request_timeout": 30.0,
            "raw_env": ["DJANGO_SETTINGS_MODULE=shop.settings", "QUOTED=a & b"],
        },
        ("# harakiri, FILE:7", "- stats = 127.0.0.1:9191 (FILE:13)"),
        ("- frobnicate = 3 (FILE:14)",),
    ),
    "uwsgi/emperor.yaml": (
        {
            "wsgi_app": "shop.wsgi:application", "bind": ["0.0.0.0:8080"], "workers": 3,
            "threads": 2, "max_requests": 1000,
            "raw_env": ["DJANGO_SETTINGS_MODULE=shop.settings", "LANG=C.UTF-8"],
        },
        ("# threads, FILE:7", "- touch-reload = /srv/reload (FILE:12)"),
        (),
    ),
    "uwsgi/app.json": (
        {
            "wsgi_app": "app:app", "bind": ["0.0.0.0:8000"], "workers": 2,
            "raw_env": ["A=1", "B=2"],
        },
        ("# processes, FILE:6", "- buffer-size = 32768 (FILE:8)"),
        (),
    ),
    "uwsgi/flask.sh": (
        {
            "wsgi_app": "app:app", "bind": ["0.0.0.0:8000"], "workers": 5, "threads": 2,
            "keepalive": 30, "max_requests": 500,
        },
        (),
        ("- frobnicate = 3 (FILE:4)",),
    ),
    "unit/django.json": (
        {
            "wsgi_app": "shop.wsgi:application", "bind": ["0.0.0.0:8000"], "workers": 6,
            "threads": 4, "backlog": 511, "chdir": ".", "pythonpath": ".",
            "raw_env": ["DJANGO_SETTINGS_MODULE=shop.settings"], "max_requests": 7500,
            "request_timeout": 55.0, "limit_request_body": 22020096, "keepalive": 90,
            "body_timeout": 40.0, "accesslog": "access.log", "client_address": "x-forwarded-for",
            "forwarded_allow_ips": ["10.0.0.0/8"],
        },
        (
            "- listeners/*:8001 = routes/metrics (FILE:8)",
            "- applications/shop/isolation",
            "The application metrics is left out: `--app metrics` takes it.",
            "The application blog is left out",
        ),
        ("- applications/shop/colour = red (FILE:22)",),
    ),
    "unit/asgi.json": (
        {
            "wsgi_app": "api.main:create_app()", "bind": ["127.0.0.1:8080"], "workers": 3,
            "worker_class": "asgi", "pythonpath": ".",
        },
        ("- routes = ", "- applications/api/home = /srv/venv"),
        (),
    ),
    "uvicorn/Dockerfile": (
        {
            "wsgi_app": "main:create_app()", "bind": ["0.0.0.0:80"], "workers": 4,
            "keepalive": 65, "loglevel": "debug", "forwarded_allow_ips": "*",
        },
        ("- --ws = websockets (FILE:7)",),
        (),
    ),
    "uvicorn/start.sh": (
        {
            "wsgi_app": "app.main:app", "accesslog": "-", "backlog": 512,
            "limit_concurrency": 200, "root_path": "/api",
        },
        (
            "licorne reads PORT itself",
            "- --workers = ${nproc} (FILE:5)\n#   the value has a variable of the shell",
        ),
        (),
    ),
    "granian/entrypoint.sh": (
        {
            "wsgi_app": "api.asgi:application", "bind": ["[::]:8080"], "workers": 4,
            "worker_class": "asgi", "limit_concurrency": 64, "asgi_loop": "uvloop",
            "worker_max_age": 21600.0, "max_worker_memory": "512M", "header_timeout": 2.5,
            "accesslog": "-", "pidfile": "granian.pid", "loglevel": "warning",
            "metrics_bind": "127.0.0.1:9091",
        },
        ("- --static-path-mount = /srv/static (FILE:4)", "Another command, at FILE:9, is left out"),
        (),
    ),
    "granian/compose.yaml": (
        {
            "wsgi_app": "shop.wsgi:application", "bind": ["0.0.0.0:8000"], "workers": 2,
            "threads": 8, "worker_class": "sync", "keepalive": 0,
        },
        (),
        (),
    ),
    "hypercorn/hypercorn.toml": (
        {
            "wsgi_app": "api:app", "bind": ["0.0.0.0:8000", "unix:api.sock"], "workers": 3,
            "asgi_loop": "uvloop", "accesslog": "-", "loglevel": "info", "keepalive": 15,
            "graceful_timeout": 8, "max_requests": 10000, "max_requests_jitter": 500,
            "root_path": "/v1",
        },
        ("- server_names = ['api.example'] (FILE:12)",),
        ("- colour = red (FILE:14)",),
    ),
    "hypercorn/hypercorn_config.py": (
        {
            "bind": ["0.0.0.0:8080"], "asgi_loop": "asyncio", "workers": 1, "boot_timeout": 60.0,
            "keepalive": 5, "reload": False,
        },
        ("- quic_bind = 0.0.0.0:4433 (FILE:11)", "hypercorn's files name no application"),
        (),
    ),
    "hypercorn/Dockerfile": (
        {
            "wsgi_app": "api:app", "bind": ["0.0.0.0:11001"], "workers": 4, "accesslog": "-",
            "keepalive": 75,
        },
        ("- --worker-class = trio (FILE:3)\n#   licorne runs asyncio's loops",),
        (),
    ),
}  # fmt: skip
#: Settings of features that may be there or still to come; then they are comments.
MAY_COME = {"http2_max_concurrent_streams", "http_protocols", "keyfile", "protocol"}


def environment() -> dict[str, str]:
    """Nothing of this process's that configures a server."""
    kept = {
        n: v for n, v in os.environ.items() if not n.startswith(("GUNICORN", "LICORNE", "WEB_"))
    }
    return kept | {"PORT": ""}


def licorne(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "licorne", *words],
        capture_output=True, text=True, check=False, cwd=cwd, env=environment(), timeout=PATIENCE,
    )  # fmt: skip


def with_application(folder: Path, name: str, *, asynchronous: bool = False) -> None:
    """Write the module that a setting names, with the object in it."""
    module, _, attribute = name.partition(":")
    path = folder.joinpath(*module.split("."))
    path.parent.mkdir(parents=True, exist_ok=True)
    called = (attribute or "application").removesuffix("()")
    arguments = "scope, receive, send" if asynchronous else "environ, start_response"
    text = f"{'async ' if asynchronous else ''}def app({arguments}): ...\n"
    text += f"def {called}(): return app\n" if attribute.endswith("()") else f"{called} = app\n"
    path.with_suffix(".py").write_text(text)


def test_every_file_is_a_case() -> None:
    there = {str(path.relative_to(FILES)) for path in FILES.glob("*/*") if path.is_file()}
    assert there == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_a_file(tmp_path: Path, case: str) -> None:
    settings, comments, unknown = CASES[case]
    file = Path(case).name
    shutil.copy(FILES / case, tmp_path / file)
    told = licorne("migrate", file, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    server = case.partition("/")[0]
    assert told.stdout.startswith(f"# Made by `licorne migrate` from {server}: {file}\n")
    assert f"{server}: " in told.stderr
    (tmp_path / file).unlink()
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    (tmp_path / "licorne.toml").write_text(told.stdout)
    made = toml.settings(str(tmp_path / "licorne.toml"))
    assert {name: value for name, value in made.items() if name not in MAY_COME} == settings
    known, _, rest = told.stdout.partition("# Unknown, and not taken over:")
    for text in comments:
        assert text.replace("FILE", file) in told.stdout
    for text in unknown:
        assert text.replace("FILE", file) in rest
    assert bool(rest) == bool(unknown)
    assert "Unknown" not in known

    application = str(settings.get("wsgi_app", "app:app"))
    asynchronous = settings.get("worker_class") == "asgi" or server in {"uvicorn", "hypercorn"}
    with_application(tmp_path, application, asynchronous=asynchronous)
    words = () if "wsgi_app" in settings else (application,)
    checked = licorne("--check-config", *words, cwd=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (
            ["gunicorn", "-w", "4", "-b", "127.0.0.1:9000", "--timeout=90", "shop:app"],
            {"workers": 4, "bind": ["127.0.0.1:9000"], "timeout": 90, "wsgi_app": "shop:app"},
        ),
        (
            ["poetry", "run", "python", "-m", "uvicorn", "--port=9000", "shop:app", "&"],
            {"bind": ["127.0.0.1:9000"], "wsgi_app": "shop:app", "accesslog": "-"},
        ),
        (["A=b", "uwsgi", "-w", "shop"], {"wsgi_app": "shop", "raw_env": ["A=b"]}),
        (["/opt/bin/hypercorn", "shop"], {"wsgi_app": "shop:app"}),
    ],
)
def test_a_command_line(tmp_path: Path, words: Sequence[str], settings: dict[str, object]) -> None:
    told = licorne("migrate", "--", *words, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    (tmp_path / "licorne.toml").write_text(told.stdout)
    assert toml.settings(str(tmp_path / "licorne.toml")) == settings


def test_flags_win_over_the_file_they_name(tmp_path: Path) -> None:
    (tmp_path / "site.py").write_text("workers = 2\ntimeout = 7\nbind = 'a:1'\n")
    told = licorne(
        "migrate", "--", "gunicorn", "-c", "site.py", "-w3", "-b", "b:2", "shop", cwd=tmp_path
    )
    (tmp_path / "licorne.toml").write_text(told.stdout)
    made = toml.settings(str(tmp_path / "licorne.toml"))
    assert made == {"workers": 3, "timeout": 7, "bind": ["b:2"], "wsgi_app": "shop"}


def test_a_named_file_that_is_not_here(tmp_path: Path) -> None:
    told = licorne("migrate", "--", "gunicorn", "-c", "/srv/x.py", "-w", "3", "a", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "- the configuration file = /srv/x.py" in told.stdout
    assert "workers = 3\n" in told.stdout


def test_a_dollar_in_a_file_is_a_dollar(tmp_path: Path) -> None:
    (tmp_path / "site.py").write_text("access_log_format = '$remote'\n")
    told = licorne("migrate", "site.py", cwd=tmp_path)
    assert 'access_log_format = "$remote"\n' in told.stdout


def test_templates(tmp_path: Path) -> None:
    """Values that another program fills in are named, and the rest is taken over."""
    (tmp_path / "unit.json.tpl").write_text(
        '{"listeners": {"*:80": {"pass": "applications/a"}}, "applications": {"a": {\n'
        '"type": "python", "processes": $COUNT, "module": "a.$KIND", "limits": {"requests": 9}}}}'
    )
    (tmp_path / "uwsgi.ini").write_text(
        "[uwsgi]\nhttp = :8080  # port\nmodule = $(MODULE)\nmaster = off\nvacuum = 7\n"
    )
    told = licorne("migrate", "unit.json.tpl", cwd=tmp_path)
    (tmp_path / "licorne.toml").write_text(told.stdout)
    made = toml.settings(str(tmp_path / "licorne.toml"))
    assert made == {"bind": ["0.0.0.0:80"], "max_requests": 9}
    assert "processes = $COUNT (unit.json.tpl:2)" in told.stdout
    assert "set LICORNE_WORKERS in the environment" in told.stdout
    assert "set LICORNE_WSGI_APP in the environment" in told.stdout
    told = licorne("migrate", "uwsgi.ini", cwd=tmp_path)
    (tmp_path / "licorne.toml").write_text(told.stdout)
    assert toml.settings(str(tmp_path / "licorne.toml")) == {"bind": ["0.0.0.0:8080"]}
    assert "- vacuum = 7 (uwsgi.ini:5)" in told.stdout
    assert "master" not in told.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["broken.xml"], "broken.xml is no XML: mismatched tag: line 3"),
        (["broken.json"], "broken.json is no JSON with an object 'uwsgi'"),
        (["nothing.conf"], "Cannot read 'nothing.conf'"),
        (["notes.txt"], "known are gunicorn, uwsgi, unit, uvicorn, granian, hypercorn"),
        (["--from", "uvicorn", "unit.json"], "is no file of uvicorn, which has only"),
        (["--from", "unit", "unit.json"], "has no Python application ''"),
        (["--", "waitress-serve", "app:app"], "No command of a known server"),
        (["--", "gunicorn", "-w", "many", "app"], "gunicorn argument -w/--workers: invalid int"),
        (["broken.py"], "Failed to read config file: broken.py"),
        ([], "give a FILE, or -- and a command line."),
    ],
)
def test_what_cannot_be_taken_over(tmp_path: Path, words: Sequence[str], message: str) -> None:
    (tmp_path / "notes.txt").write_text("pip install gunicorn\n")
    (tmp_path / "unit.json").write_text('{"listeners": {}}\n')
    (tmp_path / "broken.py").write_text("bind = no_such_name\n")
    (tmp_path / "broken.xml").write_text("<uwsgi>\n<master>\n</uwsgi>\n")
    (tmp_path / "broken.json").write_text('{"uwsgi": {"master": true},}\n')
    told = licorne("migrate", *words, cwd=tmp_path)
    assert told.returncode in {1, 2}
    assert told.stdout == ""
    assert message in told.stderr


def test_what_is_no_fault_of_the_machine_is_left_as_a_comment(tmp_path: Path) -> None:
    """A user and a folder that are not here: the file stays one that can be used."""
    (tmp_path / "site.conf.py").write_text("user = 'no-such-user'\nchdir = '/no/such/folder'\n")
    told = licorne("migrate", "site.conf.py", cwd=tmp_path)
    assert re.search(r"- user = no-such-user \(site\.conf\.py:1\)\n#   refused here: ", told.stdout)
    assert "there is no such directory" in told.stdout
    assert 'Where it holds, write: chdir = "/no/such/folder"' in told.stdout
    (tmp_path / "licorne.toml").write_text(told.stdout)
    assert toml.settings(str(tmp_path / "licorne.toml")) == {}


def test_another_module_may_be_called_so(tmp_path: Path) -> None:
    """For gunicorn's command the word is the name of a module; with an object, always."""
    with_application(tmp_path, "migrate:application")
    told = licorne("--check-config", "migrate:application", cwd=tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
