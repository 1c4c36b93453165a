"""What does not start: one clear line, and gunicorn's exit codes."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server

MODULES = {
    "broken": "import a_module_that_is_not_there\n",
    "syntax": "def application(:\n",
    "raises": "raise RuntimeError('while loading')\n",
    "leaves": "raise SystemExit(0)\n",
    "nothing": "application = None\n",
    "factory": "def create(name):\n    raise SystemExit('never called')\n",
}


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder with modules that cannot be served."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="ascii")
    return tmp_path


def outcome(server: Server) -> tuple[int, str]:
    """Exit code and log of a server that ends by itself."""
    code = server.wait()
    return code, "\n".join(server.log.rest())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken", "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        ("syntax", "SyntaxError"),
        ("raises", "RuntimeError: while loading"),
        ("not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
    ],
)
def test_a_module_that_does_not_import(
    args: tuple[str, ...], serve: Serve, modules: Path, name: str, said: str
) -> None:
    code, log = outcome(serve(name, *args, cwd=modules, tracebacks=True))
    assert code == 3, log
    assert said in log
    assert "exited with code 3." in log
    assert "Shutting down: Master" in log
    assert "Reason: Worker failed to boot." in log


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("nothing", "Failed to find application object: 'application'"),
        ("nothing:missing", "Failed to find attribute 'missing' in 'nothing'."),
        ("factory:create()", "create"),
        ("factory:create(", "Failed to parse"),
    ],
)
def test_an_application_that_cannot_be_loaded(
    args: tuple[str, ...], serve: Serve, modules: Path, app: str, said: str
) -> None:
    code, log = outcome(serve(app, *args, cwd=modules, tracebacks=True))
    assert code == 4, log
    assert said in log
    assert "Reason: App failed to load." in log


def test_a_module_that_leaves_is_told_of_and_tried_again(serve: Serve, modules: Path) -> None:
    server = serve("leaves", cwd=modules, tracebacks=True)
    server.log.wait_for(r"\[ERROR\] The application left while it was loaded: status 0", 2)
    assert server.log.matching(r'leaves.py", line 1, in <module>')


def test_two_workers_that_fail_halt_the_server_once(serve: Serve, modules: Path) -> None:
    code, log = outcome(serve("broken", "-w", "2", cwd=modules, tracebacks=True))
    assert code == 3
    assert log.count("Reason: Worker failed to boot.") == 1
    assert "HaltServer" not in log


def test_a_python_file_in_place_of_a_module(serve: Serve, modules: Path) -> None:
    code, log = outcome(serve("nothing.py", cwd=modules, tracebacks=True))
    assert code in {3, 4}
    assert "did you mean 'nothing:application'?" in log


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-k", "no_such_worker"], ["no_such_worker"]),
        (["--chdir", "/not/there"], ["/not/there"]),
        (["-c", "/not/there.py"], ["/not/there.py"]),
        (["-b", "unix:/not/there/at/all.sock"], ["/not/there/at/all.sock"]),
        (["--user", "no-such-user"], ["no-such-user"]),
    ],
)
def test_a_bad_value_is_named(serve: Serve, arguments: list[str], words: list[str]) -> None:
    code, log = outcome(serve("site_app", *arguments))
    assert code == 1, log
    for word in words:
        assert word in log


@pytest.mark.parametrize("arguments", [["--no-such-option"], ["--workers", "many"]])
def test_a_bad_command_line_is_a_usage_error(serve: Serve, arguments: list[str]) -> None:
    code, log = outcome(serve("site_app", *arguments))
    assert code == 2
    assert "usage:" in log
    assert arguments[-1] in log


def test_a_bad_value_in_a_file_is_named_with_its_place(serve: Serve, tmp_path: Path) -> None:
    configuration = tmp_path / "bad.conf.py"
    configuration.write_text("workers = 'many'\n", encoding="ascii")
    code, log = outcome(serve("site_app", "-c", str(configuration)))
    assert code == 1
    for word in ("workers", "many", str(configuration)):
        assert word in log


def test_a_bad_value_in_the_environment_is_named(serve: Serve) -> None:
    code, log = outcome(serve("site_app", environment={"WEB_CONCURRENCY": "many"}))
    assert code == 1
    assert "WEB_CONCURRENCY" in log


def test_a_blank_web_concurrency_is_no_value(serve: Serve) -> None:
    server = serve("site_app", environment={"WEB_CONCURRENCY": ""})
    assert server.get("/") == (200, b"hello")


def test_an_address_in_use(serve: Serve) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = serve("site_app", bind=(f"127.0.0.1:{port}",))
        server.log.wait_for(rf"Connection in use: \('127\.0\.0\.1', {port}\)")


def test_check_config(serve: Serve, modules: Path) -> None:
    assert outcome(serve("site_app", "--check-config"))[0] == 0
    code, log = outcome(serve("broken", "--check-config", cwd=modules, tracebacks=True))
    assert code == 1
    assert "a_module_that_is_not_there" in log
    code, log = outcome(serve("site_app", "--check-config", "-k", "no_such_worker"))
    assert code == 1
    assert "no_such_worker" in log


def test_print_config(serve: Serve) -> None:
    server = serve("site_app", "--print-config", "--workers", "3")
    assert outcome(server)[0] == 0
    assert any(line.startswith("workers") and "3" in line for line in server.output.rest())
