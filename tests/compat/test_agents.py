"""Agents that watch a server from inside: they find gunicorn by hooks on the import of its names.

The hooks of wrapt are those of OpenTelemetry's, Elastic's and many others' agents; New Relic's and
ddtrace's agents have their own.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

#: How each package is asked to call `fired` when a name is imported.
HOOKS = {
    "wrapt": "import wrapt\nwrapt.register_post_import_hook(fired, name)",
    "newrelic": (
        "from newrelic.api import import_hook\n"
        "import_hook.enable_import_hook_finder()\n"
        "import_hook.register_import_hook(name, fired)"
    ),
    "ddtrace": (
        "from ddtrace.internal.module import ModuleWatchdog\n"
        "ModuleWatchdog.register_module_hook(name, fired)"
    ),
}

#: What agents wait for, and what others might.
NAMES = (
    "gunicorn", "gunicorn.app.base", "gunicorn.app.wsgiapp", "gunicorn.http.wsgi",
    "gunicorn.arbiter", "gunicorn.glogging", "gunicorn.workers.base", "gunicorn.workers.sync",
)  # fmt: skip

#: In the folder of a program, Python imports this before the program begins.
AT_START = """
import os, sys

def fired(module):
    same = module is sys.modules[module.__name__]
    # In one piece: other processes write there, too.
    os.write(2, f"fired {{module.__name__}} {{same}}\\n".encode())

for name in {names!r}:
    {hook}
"""

APP = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'one']\n"


def at_start(folder: Path, text: str) -> dict[str, str]:
    (folder / "site_app.py").write_text(APP)
    (folder / "sitecustomize.py").write_text(text)
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
@pytest.mark.parametrize("package", HOOKS)
def test_hooks_on_the_import_of_gunicorns_names(
    package: str, preload: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    pytest.importorskip(package)
    hook = HOOKS[package].replace("\n", "\n    ")
    server = serve(
        "site_app:app",
        *preload,
        cwd=tmp_path,
        environment=at_start(tmp_path, AT_START.format(names=NAMES, hook=hook)),
    )
    assert server.get("/") == (200, b"one")
    # Once each, in the master or, what it has no use for, in the process that loads.
    server.stop()
    fired = [line for line in server.log.rest() if line.startswith("fired")]
    assert sorted(fired) == sorted(f"fired {name} True" for name in NAMES)


def test_a_hook_that_comes_with_the_worker(serve: Serve, tmp_path: Path) -> None:
    """Agents are often begun in `post_fork`, so that their threads live in the worker."""
    hook = HOOKS["wrapt"].replace("\n", "\n        ")
    (tmp_path / "gunicorn.conf.py").write_text(
        "import os\n"
        "def post_fork(server, worker):\n"
        "    def fired(module):\n"
        "        os.write(2, f'fired in {worker.age} {module.__name__}\\n'.encode())\n"
        "    for name in ('gunicorn.app.base',):\n"
        f"        {hook}\n"
    )
    (tmp_path / "site_app.py").write_text(APP)
    server = serve("site_app:app", cwd=tmp_path)
    assert server.get("/") == (200, b"one")
    assert server.log.wait_for("^fired .*")[0] == "fired in 1 gunicorn.app.base"


@pytest.mark.parametrize("package", HOOKS)
def test_the_module_is_itself_afterwards(package: str, tmp_path: Path) -> None:
    """Its name, spec and loader are as if they had not been looked at, and so is its source."""
    pytest.importorskip(package)
    hook = HOOKS[package].replace("\n", "\n    ")
    program = AT_START.format(names=NAMES, hook=hook) + (
        "from licorne import aliases\n"
        "import inspect, licorne.workers.base as first\n"
        "def facts(): return first.__name__, first.__spec__, first.__loader__, "
        "first.__package__, first.__file__\n"
        "before = facts()\n"
        "aliases.install()\n"
        "import gunicorn.workers.base as second\n"
        "assert second is first and facts() == before, (before, facts())\n"
        "assert inspect.getsource(first)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert told.returncode == 0, told.stderr


def test_without_an_agent_nothing_is_imported(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(
        "import sys\n"
        "names = sorted(each for each in sys.modules if each.startswith('gunicorn'))\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [repr(names).encode()]\n"
    )
    assert serve("site_app:app", cwd=tmp_path).get("/") == (200, b"[]")


#: What the agent knows of the request that is being answered.
TRANSACTION = """
import newrelic.agent

def app(environ, start_response):
    start_response("200 OK", [])
    now = newrelic.agent.current_transaction()
    return [b"none" if now is None else f"{now.name} {now.background_task}".encode()]
"""

#: The agent answers itself and connects to nothing.
NEW_RELIC = {
    "NEW_RELIC_LICENSE_KEY": "0" * 40,
    "NEW_RELIC_DEVELOPER_MODE": "true",
    "NEW_RELIC_STARTUP_TIMEOUT": "10",
    "NEW_RELIC_APP_NAME": "test",
}


#: `newrelic-admin run-program licorne …`
ADMIN = ("-m", "newrelic.admin", "run-program", sys.executable, "-m", "licorne")


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
@pytest.mark.parametrize("begun", ["newrelic-admin", "configuration"])
def test_new_relics_transactions(
    begun: str, preload: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    """A bare WSGI callable, which no framework's instrumentation would find."""
    pytest.importorskip("newrelic")
    (tmp_path / "site_app.py").write_text(TRANSACTION)
    if begun == "configuration":
        (tmp_path / "gunicorn.conf.py").write_text(
            "import newrelic.agent\nnewrelic.agent.initialize()\n"
        )
        program: tuple[str, ...] = ("-m", "licorne")
    else:
        program = ADMIN
    server = serve("site_app:app", *preload, cwd=tmp_path, environment=NEW_RELIC, program=program)
    assert server.get("/shop") == (200, b"/shop False")
