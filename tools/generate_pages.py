"""docs/reference/command-line.md, hooks.md and control.md: flags, hooks, commands of licornectl."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from generate_settings import documentation
from licorne.config.settings import OPTIONS
from licorne.ctl.commands import COMMANDS

if TYPE_CHECKING:
    from licorne.config.option import Option

GENERATED = "This page is generated from the declarations (`make generate`)."
ARGUMENTS = re.compile(r"\n*^Arguments: (?P<names>.*)\.$", re.MULTILINE)

COMMAND_LINE = f"""\
# Command line

{GENERATED}

```text
licorne [OPTIONS] [APP_MODULE]
licorne init [--force] [FOLDER]
licorne migrate [--from KIND] FILE | -- COMMAND
licornectl [-s SOCKET] [--json] [COMMAND]
```

`APP_MODULE` is `MODULE:NAME`, such as `app:app` for the object `app` of `app.py`. Without `:NAME`
it is `application`. `"MODULE:factory('argument')"` calls a function. Without `APP_MODULE` the
setting `wsgi_app` names the application. `python -m licorne` is the same command.

[migrating.md](../migrating.md) is about `init` and `migrate`, [licornectl.md](../licornectl.md)
about `licornectl`.

| exit status | means |
|---|---|
| 0 | stopped by a signal, or the configuration that was checked can be used |
| 1 | an error in the configuration, or an address that cannot be listened to |
| 2 | a mistake on the command line |
| 3 | a worker could not boot |
| 4 | the application could not be found in its module |

## About the command

| flag | what it does |
|---|---|
| `-h`, `--help` | the flags that most people need |
| `--help-all` | every flag |
| `-v`, `--version` | the version |
| `--schema` | a JSON schema of the settings |
| `--completion bash`, `zsh`, `fish` | a script that completes flags in a shell |
| `--explain-proxy HEADER` `--from ADDRESS` | what the settings make of a proxy's header |
"""

HOOKS = f"""\
# Hooks

{GENERATED}

A hook is a function of your configuration file that the server calls at a named moment. In TOML it
is a dotted name, such as `post_fork = "package.module.function"`. Names, arguments and order are
gunicorn's. [hooks.conf.py](../../examples/hooks/hooks.conf.py) has every one.

```python title="gunicorn.conf.py"
def post_fork(server, worker):
    server.log.info("worker %s has the process id %s", worker.age, worker.pid)
```

- `server` is the arbiter: `server.log`, `server.cfg`, `server.pid`, `server.WORKERS`,
  `server.LISTENERS`.
- `worker` is the worker: `worker.log`, `worker.cfg`, `worker.pid`, `worker.age`, `worker.nr`.
- `req` has `method`, `path`, `query`, `uri`, `version`, `headers`; `resp` has `status`,
  `status_code`, `headers`, `sent`.

A hook that raises while the server serves is logged, and the server goes on. `pre_fork` fails that
one fork; `post_fork` and `post_worker_init` fail that one worker, and both are tried again. With
`--preload` some hooks run in another process:
[coming-from-gunicorn.md](../coming-from-gunicorn.md#preloading-and-hooks). `pre_request` and
`post_request` make each request go through Python, which costs some microseconds.

| hook | arguments | when |
|---|---|---|
"""

CONTROL = f"""\
# Control protocol

{GENERATED}

What [`licornectl`](../licornectl.md) says to a server. Programs of yours may say the same over the
control socket, a unix socket of type stream.

One JSON object a line, in each direction:

```json
{{"id": 1, "command": "worker add", "args": ["2"]}}
{{"id": 1, "status": "ok", "data": {{"added": 2, "previous": 2, "total": 4}}}}
{{"id": 2, "command": "worker kill", "args": ["1"]}}
{{"id": 2, "status": "error", "error": "process 1 is no worker of this server (its workers: 4711)"}}
```

A request has at most 64 KiB, a reply at most 16 MiB. Requests of one client are answered in order.
There is room for 16 clients: a seventeenth takes the place of the one that has been silent for
longest. A client without a sign of life for five minutes is sent away.

gunicornc's framing, four bytes of length (the highest first) and then the object, is understood as
well: what the first byte is decides. So `gunicornc -s PATH` works with its own words.

In Python:

```python title="ask.py"
import json
import socket
import sys

with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    server.sendall(b'{{"id": 1, "command": "status"}}\\n')
    answer = json.loads(server.makefile().readline())
    print(answer["status"], answer["data"]["workers"])
```

| command | what it does |
|---|---|
"""


def command_line() -> str:
    """Every flag, by the sections of the settings."""
    parts = [COMMAND_LINE]
    flagged = [option for option in OPTIONS.values() if option.flags]
    for section, options in groupby(flagged, key=lambda option: option.section):
        parts.append(f"\n## {section}\n\n| flag | what it sets |\n|---|---|\n")
        parts.extend(map(_flag, options))
    return "".join(parts)


def _flag(option: Option) -> str:
    flags = ", ".join(f"`{flag}`" for flag in option.flags)
    return f"| {flags} | [{option.name}](settings.md#{option.name}): {_cell(option.brief)} |\n"


def hooks() -> str:
    """Every hook, in the order of the declarations."""
    own = [option for option in OPTIONS.values() if option.section == "Server hooks"]
    return HOOKS + "".join(map(_hook, own))


def _hook(option: Option) -> str:
    text = documentation(option)
    found = ARGUMENTS.search(text)
    names = ", ".join(f"`{each}`" for each in found["names"].split(", ")) if found else ""
    return f"| `{option.name}` | {names} | {_cell(ARGUMENTS.sub('', text))} |\n"


def control() -> str:
    """Every command, in the order of the table."""
    return CONTROL + "".join(f"| `{_cell(each.usage)}` | {each.help} |\n" for each in COMMANDS)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
