"""The pages in docs/ tell the truth: commands are run or parsed, configurations are used."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests
import yaml

from e2e.pages import ALL, DOCS, FENCE, PAGES, ROOT, Block, of, typed, words
from licorne.config import Config
from licorne.config import toml as settings_toml
from licorne.config.cli import parser
from licorne.config.settings import OPTIONS
from licorne.ctl.commands import find
from licorne.metrics import collect
from licorne.migrate import unit as from_unit
from licorne.migrate import uwsgi as from_uwsgi
from licorne.supervisor import causes, ends
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server

#: Programs of others that pages call: a reader's system has them.
OTHERS = {
    ".", "CARGO_NET_OFFLINE=true", "cp", "curl", "django-admin", "docker", "helm", "make", "pip",
    "python", "python3", "systemctl", ".venv/bin/pip",
}  # fmt: skip
#: Languages whose blocks are no input of any program here.
SHOWN = {"mermaid", "text", "promql"}
#: What only `licornectl` itself knows.
LOCAL = {"top", "servers"}
#: Flags that print something and start nothing.
PRINTERS = {"--explain-proxy", "--help-all", "--version"}
#: The page of what is known to run has tests of its own.
CONSOLES = [b for b in ALL if b.language == "console" and b.page != "known-to-run.md"]
#: Pages that name other servers' flags, or speak of tools.
OTHERS_FLAGS = re.compile(r"coming-from-|migrating|benchmarks|README|known-to-run|reference/")
#: Flags of the programs that pages mention: licornectl, Docker, Django and its friends, gh, curl.
FLAGS_OF_OTHERS = {
    "--command", "--cpus", "--cpuset-cpus", "--help-all", "--insecure", "--ipv6", "--json",
    "--noasgi", "--noreload", "--nostatic", "--nothreading", "--owner", "--settings",
    "--skip-checks", "--stop-timeout", "--verbosity", "--explain-proxy", "--from", "--force",
    "--schema",
}  # fmt: skip


def named(block: Block) -> str:
    return f"{block.page}: {block.heading}"


def commands(program: str) -> list[tuple[str, str]]:
    """Every command of one program, with its place."""
    return [
        (named(block), command)
        for block in CONSOLES
        for command in block.commands()
        if words(command)[0] == program
    ]


def test_every_command_is_of_a_known_program() -> None:
    programs = {words(command)[0] for block in CONSOLES for command in block.commands()}
    assert programs - OTHERS == {"licorne", "licornectl"}


def test_every_block_has_a_language_that_is_looked_at() -> None:
    looked_at = {"console", "python", "toml", "json", "yaml", "nginx", "haproxy", "caddyfile"}
    assert {block.language for block in ALL} <= looked_at | SHOWN | {"apache", "procfile"}


@pytest.mark.parametrize(("place", "command"), commands("licorne"))
def test_flags_are_known(place: str, command: str) -> None:
    typed = words(command)[1:]
    if set(typed[:1]) & {"init", "migrate", *PRINTERS}:
        return
    assert parser("%(prog)s [OPTIONS] [APP_MODULE]", "licorne").parse_args(typed), place


def test_flags_in_sentences_are_known() -> None:
    known = {flag for option in OPTIONS.values() for flag in option.flags} | FLAGS_OF_OTHERS
    unknown = {
        f"{path.name}: {flag}"
        for path in PAGES
        if not OTHERS_FLAGS.search(path.relative_to(ROOT).as_posix())
        for span in re.findall(r"`([^`\n]+)`", FENCE.sub("", path.read_text(encoding="utf-8")))
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", span)
        if flag not in known and not flag.endswith("-")
    }
    assert unknown == set()


def test_what_is_printed(tmp_path: Path) -> None:
    printed = {
        command: block.answer(command)
        for block in CONSOLES
        for command in block.commands()
        if words(command)[0] == "licorne" and words(command)[1:2] and words(command)[1] in PRINTERS
    }
    assert {words(command)[1] for command in printed} >= {"--explain-proxy", "--version"}
    for command, shown in printed.items():
        line = [sys.executable, "-m", "licorne", *words(command)[1:]]
        done = subprocess.run(
            line, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE
        )
        assert done.stdout
        assert shown in {"", done.stdout}


@pytest.mark.parametrize(("place", "command"), commands("licornectl"))
def test_commands_of_licornectl_are_known(place: str, command: str) -> None:
    typed = [word for word in words(command)[1:] if not word.startswith("--")]
    assert typed[0] in LOCAL or find(typed)[0].words, place


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "toml"], ids=named)
def test_settings_are_taken(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "licorne.toml"
    file.write_text(block.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    cfg = Config()
    values = settings_toml.settings(str(file))
    assert values
    for name, value in values.items():
        cfg.set(name, value)


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "python"], ids=named)
def test_code_compiles(block: Block) -> None:
    assert ast.parse(block.text).body


@pytest.mark.parametrize("block", [b for b in ALL if b.language in {"json", "yaml"}], ids=named)
def test_data_can_be_read(block: Block) -> None:
    if block.language == "yaml":
        assert yaml.safe_load(block.text)
    elif block.text.startswith('{"timestamp"'):
        assert json.loads(block.text)
    else:
        assert all(map(json.loads, block.text.splitlines()))


# ---- Start in five minutes


def write_files(page: str, heading: str, folder: Path) -> None:
    for block in of(page, "python", heading):
        (folder / block.title).write_text(block.text, encoding="utf-8")


def start(serve: Serve, command: str, folder: Path) -> Server:
    """Start as the page says, on ports that are free."""
    flags = [word.replace("127.0.0.1:9464", "127.0.0.1:0") for word in words(command)[1:]]
    return serve("", *flags, cwd=folder)


def asked(server: Server, command: str) -> str:
    """The answer that curl shows."""
    url = words(command)[-1].replace("http://127.0.0.1:8000", server.url)
    if "9464" in url:
        metrics = server.log.wait_for(r"Metrics at: (\S+)").group(1)
        url = url.replace("http://127.0.0.1:9464", metrics)
    answer = requests.get(url, timeout=PATIENCE)
    if "--head" in command:
        return f"HTTP/1.1 {answer.status_code} {answer.reason}\n"
    return answer.text if answer.text.endswith("\n") else f"{answer.text}\n"


@pytest.mark.parametrize("framework", ["Flask", "Django", "FastAPI"])
def test_five_minutes(serve: Serve, tmp_path: Path, framework: str) -> None:
    write_files("start.md", framework, tmp_path)
    server: Server | None = None
    for block in of("start.md", "console", framework):
        for command in block.commands():
            match words(command)[0]:
                case "pip":
                    continue  # with the extra [test]
                case "django-admin":
                    line = [sys.executable, "-m", "django", *words(command)[1:]]
                    subprocess.run(line, cwd=tmp_path, check=True, timeout=PATIENCE)
                case "licorne":
                    server = start(serve, command, tmp_path)
                case "curl":
                    assert server is not None
                    assert asked(server, command) == block.answer(command)
    assert server is not None


def test_deploying_and_looking(serve: Serve, tmp_path: Path) -> None:
    """From new code to the reason for which a worker was replaced, as the page goes on."""
    write_files("start.md", "Flask", tmp_path)
    (serves,) = [c for c in typed("start.md", "Why was a worker replaced?") if "licorne" in c]
    server = start(serve, serves, tmp_path)
    at = server.control_socket()
    assert server.get("/") == (200, b"Hello from Flask\n")
    metrics = {block.heading: block for block in of("start.md", "console")}["See what it does"]
    answered = {c: asked(server, c) for c in metrics.commands() if words(c)[0] == "curl"}
    ready, page = answered
    assert answered[ready] == metrics.answer(ready)
    assert "licorne_requests_total" in answered[page]

    app = tmp_path / "app.py"
    app.write_text(app.read_text().replace("Hello from Flask", "Hello again"))
    (reload,) = typed("start.md", "Deploy new code")
    ctl = [sys.executable, "-m", "licorne.ctl.cli"]
    done = subprocess.run(
        [*ctl, "-s", at, *words(reload)[1:]],
        capture_output=True, text=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    (block,) = of("start.md", "console", "Deploy new code")
    assert done.stdout == block.answer(reload)
    server.log.wait_for("Reload complete: 2 workers serve, generation 2")
    for number in (1, 2):
        server.gone(server.worker_pid(number))
    told = re.compile(r"Worker \(pid:\d+\) is to be replaced: max_requests")
    assert told.search((DOCS / "start.md").read_text())
    # Of 25 requests one of two workers has more than ten.
    for _ in range(25):
        assert server.get("/")[1] == b"Hello again\n"
    server.log.wait_for(told)


def test_while_code_is_written(serve: Serve, tmp_path: Path) -> None:
    write_files("start.md", "Flask", tmp_path)
    (command,) = typed("start.md", "While you write code")
    assert start(serve, command, tmp_path).get("/") == (200, b"Hello from Flask\n")


def test_settings_in_a_file(tmp_path: Path, serve: Serve) -> None:
    write_files("start.md", "Flask", tmp_path)
    first, check, last = typed("start.md", "Settings in a file")
    for command in (first, check):
        line = [sys.executable, "-m", "licorne", *words(command)[1:]]
        subprocess.run(line, cwd=tmp_path, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
    assert start(serve, last, tmp_path).get("/") == (200, b"Hello from Flask\n")


# ---- Programs in reference pages


def test_a_server_in_a_program(serve: Serve, tmp_path: Path) -> None:
    (block,) = of("reference/python-api.md", "python")
    text = block.text.replace("127.0.0.1:8000", "127.0.0.1:0")
    (tmp_path / block.title).write_text(text)
    server = serve("", bind=(), cwd=tmp_path, program=(block.title,))
    assert server.get("/") == (200, b"Hello from a program of its own\n")
    (ask,) = of("reference/control.md", "python")
    (tmp_path / ask.title).write_text(ask.text)
    at = server.control_socket()
    line = [sys.executable, ask.title, at]
    done = subprocess.run(
        line, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout.startswith("ok ")


def test_names_of_the_python_api() -> None:
    text = (DOCS / "reference" / "python-api.md").read_text()
    names = set(re.findall(r"^\| `(licorne\.[\w.]+)` \|", text, re.MULTILINE))
    assert len(names) > 15
    for name in names - {"licorne.websocket", "licorne.request_id", "licorne.queue_time"}:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


#: Tells the keys of a request: of its environ, or of its scope's extensions.
TELLS_KEYS = """
import json

def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps(sorted(environ)).encode()]

async def asgi(scope, receive, send):
    if scope["type"] == "http":
        body = json.dumps(sorted(scope["extensions"])).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
"""


def test_what_applications_find(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "keys.py").write_text(TELLS_KEYS)
    page = "reference/python-api.md"
    table = rows(page, "What a WSGI application finds in its environ")
    keys = {row[0].strip(" `") for row in table} - {"licorne.websocket"}
    server = serve("keys", "--request-id", "--queue-time", cwd=tmp_path)
    assert keys - set(json.loads(server.get("/")[1])) == set()
    extensions = {
        row[0].strip(" `") for row in rows(page, "What an ASGI application finds in its scope")
    }
    server = serve("keys:asgi", "--asgi-lifespan", "off", cwd=tmp_path)
    # The others are of handshakes, and of connections with TLS.
    others = {"websocket.http.response", "tls"}
    assert extensions == set(json.loads(server.get("/")[1])) | others


def test_hooks_have_gunicorns_arguments(serve: Serve, tmp_path: Path) -> None:
    (block,) = of("reference/hooks.md", "python")
    (tmp_path / block.title).write_text(block.text)
    write_files("start.md", "Flask", tmp_path)
    server = serve("app:app", cwd=tmp_path)
    assert server.log.wait_for(r"worker 1 has the process id (\d+)")


# ---- Tables that repeat what the code says


def rows(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, a list of cells each."""
    text = (DOCS / page).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines[2:]]


def test_metrics_are_those_of_the_page() -> None:
    cells = "".join(row[0] for row in rows("metrics.md", "What is counted"))
    of_page = set(re.findall(r"licorne_(\w+)", cells))
    # A counter's samples end with _total, and a family of facts with _info: it is called without.
    of_page = {name.removesuffix("_total").removesuffix("_info") for name in of_page}
    source = inspect.getsource(collect)
    # Full names, and those of the sums, which are put together.
    sums = inspect.getsource(collect._sums)
    in_code = set(re.findall(r'"licorne_(\w+)"', source)) | set(re.findall(r'\(\s*"(\w+)",', sums))
    assert of_page == in_code


def test_causes_are_those_of_the_page() -> None:
    of_page = {row[0].strip(" `") for row in rows("troubleshooting.md", "A worker was replaced")}
    in_code = {
        value for name, value in vars(causes).items() if name.isupper() and isinstance(value, str)
    }
    in_code |= {each for each in ("reload", "timeout") if f'"{each}"' in inspect.getsource(ends)}
    # Only programs with an arbiter of their own see it.
    assert of_page == in_code - {causes.ANOTHER}


def test_options_of_uwsgi_are_those_of_the_migration() -> None:
    cells = [row[0] for row in _first_table("coming-from-uwsgi.md")]
    options = [word.partition(" ")[0] for cell in cells for word in re.findall(r"`([^`]+)`", cell)]
    assert len(options) > 20
    unknown = [
        option
        for option in options
        if option not in from_uwsgi.TABLE and not option.startswith(tuple(from_uwsgi.FAMILIES))
    ]
    # Commands, and no options.
    assert unknown == ["uwsgi", "uwsgitop"]


def _first_table(page: str) -> list[list[str]]:
    lines = [line for line in (DOCS / page).read_text().splitlines() if line.startswith("|")]
    return [line.split("|")[1:-1] for line in lines[2:]]


def test_keys_of_unit_are_those_of_the_migration() -> None:
    tables = (from_unit.APPLICATION, from_unit.LISTENER, from_unit.WHOLE)
    known = {part for table in tables for key in table for part in key.split("/")}
    cells = "".join(row[0] for row in _first_table("coming-from-unit.md"))
    keys = re.findall(r'"(\w+)"(?=[:`,])', cells)
    assert len(keys) > 12
    # The map of addresses, what a listener's `tls` names, and two values.
    assert set(keys) - known == {"listeners", "certificate", "python", "asgi"}


def test_variables_of_platforms() -> None:
    cells = [row[0].strip(" `") for row in _first_table("platforms.md")]
    known = {option.env for option in OPTIONS.values() if option.env}
    assert set(cells) - known == {"LICORNE_<NAME>"}
    (block,) = of("platforms.md", "procfile")
    command = block.text.partition("web: ")[2]
    assert parser("%(prog)s [OPTIONS] [APP_MODULE]", "licorne").parse_args(words(command)[1:])


# ---- README


def test_both_readmes_say_the_same() -> None:
    english, chinese = of("README.md"), of("README.zh-CN.md")
    assert [block.commands() for block in english] == [block.commands() for block in chinese]
    texts = [(ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md")]
    links = [sorted(re.findall(r"\]\(([^)]+)\)", text)) for text in texts]
    assert set(links[0]) ^ set(links[1]) == {"README.md", "README.zh-CN.md"}
    figures = [re.findall(r"\*\*[\d.,]+(?: ms)?\*\*", text) for text in texts]
    assert len(figures[0]) == 3
    assert figures[0] == figures[1]


def test_figures_of_the_readmes_are_measured() -> None:
    measured = (DOCS / "benchmarks.md").read_text()
    for name in ("README.md", "README.zh-CN.md"):
        table = [line for line in (ROOT / name).read_text().splitlines() if line.startswith("|")]
        figures = re.findall(r"\d+(?:[.,]\d+)+|\b\d+(?= ms)", "".join(table[2:]))
        assert len(figures) >= 8
        assert [each for each in figures if each not in measured] == []


def test_targets_of_the_makefile() -> None:
    """Those that the pages name are there; CI runs what the README says, and more."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named_by_pages = {words(command)[1] for _, command in commands("make")}
    assert {"demo", "test"} <= named_by_pages <= targets
    assert "make check" in (ROOT / ".ci" / "run").read_text()
