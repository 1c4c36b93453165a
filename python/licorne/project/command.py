"""`licorne init [FOLDER]`: writes a small `licorne.toml` for what is in a folder."""

from __future__ import annotations

import argparse
import os
import sys

from licorne.config import toml, tomltext
from licorne.errors import ConfigError
from licorne.project import commands, look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from licorne.migrate.rows import Draft
    from licorne.migrate.words import Command
    from licorne.project.look import Found

FILE = "licorne.toml"
#: Settings that the file names without setting them.
_OFFERED: tuple[tuple[str, str, object], ...] = (
    ("A line for each request; - is standard output.", "accesslog", "-"),
    (
        "Seconds that a request may take; then it is answered 504, and the log shows its stack.",
        "request_timeout",
        30,
    ),
    (
        "Metrics for Prometheus, and health checks (/livez, /readyz), where only these come.",
        "metrics_bind",
        "127.0.0.1:9464",
    ),
    (
        "Proxies in front whose X-Forwarded-Proto and X-Forwarded-For are believed.",
        "forwarded_allow_ips",
        ["127.0.0.1", "::1"],
    ),
)
_ABOUT = """\
Looks at a folder (applications of Django, Flask, FastAPI and others; Procfile,
Dockerfile and scripts with a server's command) and writes licorne.toml there.
Nothing of the folder is imported.
"""
#: Taken over from another server's command; its other settings are for `licorne migrate`.
TAKEN = (
    "bind",
    "workers",
    "worker_class",
    "threads",
    "timeout",
    "graceful_timeout",
    "max_requests",
)


def main(prog: str, words: Sequence[str]) -> int:
    """Run the command; 0 when the file was written."""
    given = _parser(prog).parse_args(words)
    folder = given.folder
    path = os.path.join(folder, FILE)
    if not os.path.isdir(folder):
        return _refused(f"{folder!r} is no folder: give one that is there.")
    if os.path.exists(path) and not given.force:
        return _refused(f"{path} is there already: --force writes it anew.")
    text, told = contents(prog, folder)
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        return _refused(f"Cannot write {path!r}: {error.strerror or error}.")
    print(f"Wrote {path}: {told}")
    if advice := toml.advice():
        print(advice)
    print(f"Next: `{prog} --check-config` looks whether it loads, `{prog}` serves it.")
    return 0


def _refused(text: str) -> int:
    print(f"\nError: {text}", file=sys.stderr)
    return 1


def contents(prog: str, folder: str) -> tuple[str, str]:
    """The file for a folder, and what it serves in a few words."""
    application = next(look.applications(folder), None)
    command = next(commands.found(folder), None)
    draft = None if command is None else _draft(command)
    told = _told(application, draft)
    blocks = [
        tomltext.comment(
            (
                f"Settings of the application server licorne, written by `{prog} init`.",
                "A line that begins with # says what holds without it, or what could be set.",
                f"{prog} --help-all lists every setting; {prog} --print-config shows those in use.",
            )
        ),
        _application(application, draft),
        *_server(application, draft),
    ]
    if command is not None:
        blocks.append(
            tomltext.comment(
                (
                    f"{command.where} starts {command.server}. All of its options, with what",
                    f"became of each: {prog} migrate {command.where.partition(':')[0]}",
                    *(() if draft is None else draft.notes),
                )
            )
        )
    return "\n\n".join(blocks) + "\n", told


def described(found: Found) -> str:
    """An application in words: `app:app (Flask, app.py)`."""
    parts = ", ".join(filter(None, (found.framework, found.file)))
    return f"{found.name} ({parts})"


def _draft(command: Command) -> Draft | None:
    """What the command says, unless it cannot be read; files that it names are not executed."""
    from licorne.migrate import kinds  # noqa: PLC0415 - few folders have a command

    try:
        return kinds.of_command(command, command.where, named_files=False)
    except ConfigError:
        return None


def _told(application: Found | None, draft: Draft | None) -> str:
    if draft is not None and "wsgi_app" in draft.kept:
        kept = draft.kept["wsgi_app"]
        return f"serves {kept.value}, as {draft.source} does."
    if application is not None:
        return f"serves {described(application)}."
    return "no application was found: set wsgi_app in it."


def _application(application: Found | None, draft: Draft | None) -> str:
    if draft is not None and "wsgi_app" in draft.kept:
        about = f"The application, as {draft.source} names it."
        return _set(about, "wsgi_app", draft.kept["wsgi_app"].value)
    if application is None:
        about = "No application was found here. MODULE:NAME, such as app:app for `app` of app.py."
        return _could(about, "wsgi_app", "app:app")
    made = ", ".join(filter(None, (application.framework, application.file)))
    return _set(f"The application: {made}.", "wsgi_app", application.name)


def _server(application: Found | None, draft: Draft | None) -> Iterator[str]:
    kept = {} if draft is None else draft.kept
    taken = [name for name in TAKEN if name in kept]
    for name in taken:
        yield _set(f"As {draft.source if draft else ''} has it.", name, kept[name].value)
    if "bind" not in taken:
        about = "Where to listen: 127.0.0.1:8000, or 0.0.0.0:$PORT where PORT is set."
        yield _could(about, "bind", ["0.0.0.0:8000"])
    if "workers" not in taken and draft is None:
        about = "Processes: one for each processor that the server may use (a container's limit)."
        yield _set(about, "workers", "auto")
    elif "workers" not in taken:
        about = 'Processes: 1, or WEB_CONCURRENCY where it is set; "auto" is one a processor.'
        yield _could(about, "workers", "auto")
    if application is not None and application.asynchronous:
        yield tomltext.comment(["The worker type is asgi: such an application is recognised."])
    elif not {"threads", "worker_class"} & set(taken):
        about = "Threads in each process: for applications that wait for databases and others."
        yield _could(about, "threads", 4)
    yield from (_could(*each) for each in _OFFERED)


def _set(about: str, name: str, value: object) -> str:
    return f"{tomltext.comment([about])}\n{tomltext.line(name, value)}"


def _could(about: str, name: str, value: object) -> str:
    return tomltext.comment([about, tomltext.line(name, value)])


def _parser(prog: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=f"{prog} init",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "folder", nargs="?", default=".", metavar="FOLDER", help="the folder [the present one]"
    )
    made.add_argument("--force", action="store_true", help="write over a file that is there")
    return made
