"""From the source: what is where, the server started by its file, and followed with pdb."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

import licorne
from e2e.server import BOOTING, LISTENING, Lines
from licorne.app.base import Application, BaseApplication
from licorne.app.wsgiapp import WSGIApplication
from licorne.arbiter import Arbiter
from patience import PATIENCE
from seeds.documents import shows

if TYPE_CHECKING:
    from types import FunctionType

    from e2e.server import Serve

APP = """
from flask import Flask, jsonify, session, request
app = Flask(__name__)
app.secret_key = 'super secret key'

@app.route('/', methods=['GET'])
def index():
    return jsonify({'k': 'v'})

@app.route('/test', methods=['GET'])
def test():
    num = request.args.get('num')
    old = session.get('num') or None
    session['num'] = num
    return jsonify({'ret': old})

if __name__ == '__main__':
    print('Started')
    app.run(host='0.0.0.0')
"""
WHERE = """
import licorne.arbiter

def app(environ, start_response):
    start_response("200 OK", [])
    return [licorne.arbiter.__file__.encode()]
"""
STAMP = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\]"
#: The four lines that the document shows, with licorne's name in the first.
FOUR_LINES = (
    STAMP + r" \[(?P<master>\d+)\] \[INFO\] Starting licorne \d+\.\d+\.\d+",
    STAMP + r" \[(\d+)\] \[INFO\] Listening at: http://127\.0\.0\.1:\d+ \(\1\)",
    STAMP + r" \[\d+\] \[INFO\] Using worker: sync",
    STAMP + r" \[(\d+)\] \[INFO\] Booting worker with pid: \1",
)
#: The tree of the document, without compiled files: still there by the same name …
TREE = (
    "app", "app.base", "app.django_wsgi", "app.djangoapp", "app.pasterapp", "app.wsgiapp",
    "arbiter", "config", "debug", "errors", "glogging", "http", "http.body", "http.errors",
    "http.message", "http.parser", "http.unreader", "http.wsgi", "instrument",
    "instrument.statsd", "management.commands.run_gunicorn", "pidfile", "reloader", "sock", "util",
    "workers", "workers.base", "workers.geventlet", "workers.ggevent", "workers.gthread",
    "workers.sync", "workers.workertmp",
)  # fmt: skip
#: … or gone, and why.
GONE = {
    "_compat": "Python 2",
    "argparse_compat": "Python 2",
    "selectors": "Python 2",
    "six": "Python 2",
    "http._sendfile": "os.sendfile is in the standard library, and the engine has its own",
    "workers.async": "a keyword since Python 3.7",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The package as it lies in a clone, for a reader's own files to be put into."""
    place = tmp_path / "licorne"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(licorne.__file__).parent, place, ignore=ignored)
    return place


@shows("the tree", "app/wsgiapp.py, arbiter.py, http/, workers/")
@pytest.mark.parametrize("name", TREE)
def test_each_file_of_the_tree_is_there(name: str) -> None:
    assert find_spec(f"licorne.{name}") is not None


@pytest.mark.parametrize("name", GONE)
def test_what_is_gone_is_gone(name: str) -> None:
    assert find_spec(f"licorne.{name}") is None


@shows(
    "cd gunicorn/gunicorn",
    "app.py",
    "python wsgiapp.py app:app",
    "four lines of the log",
)
def test_the_server_is_started_by_its_file(serve: Serve, source: Path) -> None:
    (source / "app" / "app.py").write_text(APP)
    server = serve("app:app", cwd=source / "app", program=("wsgiapp.py",))
    worker = server.worker_pid()
    # The worker's line comes before or behind the master's last one, which the document has not.
    lines = [line for line in server.log.all() if "Control socket" not in line]
    found = [re.fullmatch(each, line) for each, line in zip(FOUR_LINES, lines, strict=False)]
    assert all(found), lines
    assert f"[{server.pid}]" in lines[0]
    assert worker != server.pid
    with requests.Session() as session:
        assert session.get(f"{server.url}/", timeout=PATIENCE).json() == {"k": "v"}
        asked = f"{server.url}/test"
        answers = [session.get(asked, params={"num": n}, timeout=PATIENCE).json() for n in "12"]
    assert answers == [{"ret": None}, {"ret": "1"}]


def test_a_clone_runs_itself(serve: Serve, source: Path) -> None:
    """Where nothing is installed (-S), the package around the script is what runs."""
    (source / "app" / "app.py").write_text(WHERE)
    server = serve("app:app", cwd=source / "app", program=("-S", "wsgiapp.py"))
    assert server.get("/") == (200, str(source / "arbiter.py").encode())


@shows("print 'Started'")
def test_code_for_python_2_is_told_with_its_line(serve: Serve, source: Path) -> None:
    (source / "app" / "app.py").write_text(APP.replace("print('Started')", "print 'Started'"))
    server = serve("app:app", cwd=source / "app", program=("wsgiapp.py",), tracebacks=True)
    assert server.wait() == 3
    line = APP[: APP.index("print(")].count("\n") + 1
    server.log.wait_for(rf'File ".*/app/app\.py", line {line}$')
    server.log.wait_for("SyntaxError: Missing parentheses in call to 'print'")
    assert len(server.log.matching(BOOTING)) == 1


@shows("python -m pdb wsgiapp.py app:app")
def test_the_start_is_followed_with_pdb(source: Path) -> None:
    (source / "app" / "app.py").write_text(WHERE)
    stops = (
        BaseApplication.do_load_config, WSGIApplication.load_config, Application.load_config,
        Application.run, BaseApplication.run, Arbiter.run, Arbiter.start, Arbiter.manage_workers,
        Arbiter.spawn_workers, Arbiter.spawn_worker, Arbiter.make_worker,
    )  # fmt: skip
    breaks = [f"tbreak {source / file_of(each)}:{first_line(each)}" for each in stops]
    # At the end of the program, pdb would start it anew: q.
    told = [*breaks, *["continue"] * len(stops), "p self.address", "continue", "q", ""]
    debugger = subprocess.Popen(
        [sys.executable, "-S", "-m", "pdb", "wsgiapp.py", "app:app"],
        cwd=source / "app",
        # No flag on the command line: pdb of Python 3.13.0 takes them for its own.
        env={**os.environ, "GUNICORN_CMD_ARGS": "--bind 127.0.0.1:0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert debugger.stdin
    assert debugger.stdout
    assert debugger.stderr
    log, said = Lines(debugger.stderr), Lines(debugger.stdout)
    try:
        # All at once: the worker, a copy of the debugger, finds its own q in the buffer.
        with debugger.stdin as stdin:
            stdin.write("\n".join(told).encode())
        url = f"http://127.0.0.1:{log.wait_for(LISTENING)[1]}/"
        assert requests.get(url, timeout=PATIENCE).text == str(source / "arbiter.py")
        debugger.send_signal(signal.SIGTERM)
        assert debugger.wait(PATIENCE) == 0
    finally:
        debugger.kill()
    assert any(re.search(r"\('127\.0\.0\.1', \d+\)", line) for line in said.rest())
    reached = [m[1] for line in said.all() if (m := re.search(r"> \S+\(\d+\)(\w+)\(\)", line))]
    assert reached == [each.__name__ for each in stops]
    assert not [line for line in log.rest() if line.startswith("Traceback")]


def file_of(function: FunctionType) -> str:
    """The file of a function, below the package."""
    return str(Path(function.__code__.co_filename).relative_to(Path(licorne.__file__).parent))


def first_line(function: FunctionType) -> int:
    """The line of the first statement of a function: where pdb stops in a call, not at `def`."""
    code = function.__code__
    return next(line for *_, line in code.co_lines() if line and line > code.co_firstlineno)
