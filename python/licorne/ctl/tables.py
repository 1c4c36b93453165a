"""Answers of a server as text for people. Programs use --json.

What clients of the server sent (paths, say) is shown with its control characters made visible: a
terminal must not obey them.
"""

from __future__ import annotations

import json
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from licorne.ctl.protocol import Json

    Data = dict[str, Json]

_WORKER = (
    "PID", "AGE", "GEN", "STATE", "UPTIME", "REQUESTS", "CONNS", "GIVEN", "TAKEN",
    "WAITING", "LONGEST", "SHED", "LEFT", "RSS", "PSS", "CPU", "BEAT",
)  # fmt: skip
_SERVER = ("SOCKET", "PID", "APPLICATION", "ADDRESS", "SINCE")
_BUSY = ("ID", "AGE", "BODY", "SENT", "METHOD", "PATH", "PEER")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def shown(command: str, data: Json) -> str:
    """The answer to a command."""
    if not isinstance(data, dict):
        return json.dumps(data, indent=2)
    words = " ".join(command.lower().split()[:2])
    show = _SHAPES.get(words) or _SHAPES.get(words.split(" ")[0]) or pairs
    return show(data)


def clean(value: Json) -> str:
    """A value as text that a terminal can be given."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need to be; the last is not filled up."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return [line.rstrip() for line in padded]


def size(value: Json) -> str:
    """Bytes in a unit that fits."""
    if not isinstance(value, int | float):
        return "-"
    number = float(value)
    for unit in _UNITS:
        if number < 1024 or unit == _UNITS[-1]:
            break
        number /= 1024
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def duration(value: Json) -> str:
    """Seconds as one looks at them: 0.25 s, 12 s, 5m 3s, 2h 10m, 3d 4h."""
    if not isinstance(value, int | float):
        return "-"
    seconds = int(value)
    if value < 10:
        return f"{value:.2f} s"
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60}s"
    if seconds < 86400:
        return f"{seconds // 3600}h {seconds % 3600 // 60}m"
    return f"{seconds // 86400}d {seconds % 86400 // 3600}h"


def records(value: Json) -> list[Data]:
    """The objects of a list; anything else is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def pairs(data: Data) -> str:
    """A name and its value on each line."""
    if not data:
        return "ok"
    width = max(map(len, data)) + 1
    return "\n".join(f"{name + ':':<{width}} {clean(value)}" for name, value in data.items())


def _status(data: Data) -> str:
    workers = data.get("workers")
    counts = workers if isinstance(workers, dict) else {}
    others = [f"{clean(n)} {name}" for name, n in counts.items() if n and name != "wanted"]
    rows: Data = {
        "server": f"{clean(data.get('title'))} ({clean(data.get('name'))})",
        "application": data.get("application"),
        "listening at": ", ".join(strings(data.get("addresses"))) or "-",
        "pid": data.get("pid"),
        "phase": f"{data.get('phase')}, generation {data.get('generation')}",
        "uptime": duration(data.get("uptime")),
        "workers": f"{clean(counts.get('wanted'))} wanted: {', '.join(others) or 'none there'}",
        "last reload": _reload(data.get("last_reload")),
        "boot failures": data.get("boot_failures"),
        "restarts": _restarts(data),
        "requests": f"{clean(data.get('requests'))}, {clean(data.get('in_flight'))} in flight",
        "waiting": _queue(data),
        "connections": data.get("connections"),
    }
    return pairs(rows)


def _queue(data: Data) -> str:
    """How many requests wait, for how long, and how many were not begun."""
    told = clean(data.get("waiting"))
    if data.get("waiting"):
        told += f", the first for {duration(data.get('longest_wait'))}"
    for name, word in (("shed", "answered 503"), ("abandoned", "left by their clients")):
        if data.get(name):
            told += f"; {clean(data[name])} {word}"
    return told


def strings(value: Json) -> list[str]:
    """The texts of a list, fit for a terminal; anything else is none."""
    return [clean(each) for each in value] if isinstance(value, list) else []


def servers(found: Sequence[Data], now: float) -> list[str]:
    """The servers of this machine: by which socket they are spoken to, and what they serve."""
    return table(_SERVER, [_server(each, now) for each in found])


def _server(one: Data, now: float) -> tuple[str, ...]:
    names = ("socket", "pid", "application")
    addresses = [each.removeprefix("http://") for each in strings(one.get("addresses"))]
    uptime = one.get("uptime")
    known = isinstance(uptime, int | float)
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(now - _number(uptime))) if known else "-"
    return (*(clean(one.get(name)) for name in names), ", ".join(addresses) or "-", since)


def _reload(value: Json) -> str:
    """What became of the last reload, and how long ago it began."""
    reload = value if isinstance(value, dict) else {}
    if reload.get("ago") is None:
        return clean(reload.get("state"))
    told = f"{clean(reload.get('state'))}, begun {duration(reload.get('ago'))} ago"
    return f"{told}: {clean(reload['reason'])}" if reload.get("reason") else told


def _restarts(data: Data) -> str:
    """How many workers have gone for each cause, and the last of them."""
    counts, ends = data.get("restarts"), records(data.get("endings"))
    if not isinstance(counts, dict) or not counts or not ends:
        return "none"
    told = ", ".join(f"{clean(count)} {clean(cause)}" for cause, count in counts.items())
    last = ends[-1]
    when = duration(last.get("ago"))
    return f"{told} (last: {clean(last.get('pid'))}, {clean(last.get('cause'))}, {when} ago)"


def _workers(data: Data) -> str:
    return "\n".join(worker_lines(data))


def worker_lines(data: Data) -> list[str]:
    """The workers, then the requests they have in hand, oldest first."""
    rows = records(data.get("workers"))
    lines = table(_WORKER, [_worker(row) for row in rows]) if rows else ["no workers"]
    busy = [each for row in rows for each in records(row.get("in_flight"))]
    if busy:
        busy.sort(key=lambda each: -_number(each.get("age")))
        lines += ["", *table(_BUSY, [_busy(each) for each in busy])]
    return lines


def _number(value: Json) -> float:
    return value if isinstance(value, int | float) else 0.0


def _worker(row: Data) -> tuple[str, ...]:
    plain = [clean(row.get(name)) for name in ("pid", "age", "generation", "state")]
    if row.get("leaving") and row.get("state") == "serving":
        plain[3] += f" ({clean(row['leaving'])})"
    counts = [
        clean(row.get(name)) for name in ("requests", "connections", "given", "taken", "waiting")
    ]
    longest = duration(row.get("longest_wait")) if row.get("waiting") else "-"
    refused = [clean(row.get(name)) for name in ("shed", "abandoned")]
    times = [duration(row.get(name)) for name in ("uptime", "cpu", "last_heartbeat")]
    sizes = [size(row.get(name)) for name in ("rss", "pss")]
    return (*plain, times[0], *counts, longest, *refused, *sizes, times[1], times[2])


def _busy(one: Data) -> tuple[str, ...]:
    age = duration(one.get("age"))
    age += "".join(f" {word}" for word in ("overdue", "waiting") if one.get(word))
    sizes = (size(one.get("body")), size(one.get("sent")))
    names = ("method", "path", "peer")
    return (clean(one.get("id")), age, *sizes, *(clean(one.get(name)) for name in names))


def _stack(data: Data) -> str:
    request = data.get("request")
    title = f"{clean(data.get('target'))}: {clean(request)}\n" if request else ""
    lines = str(data.get("stack")).splitlines()
    return title + "\n".join(map(clean, lines))


def _listeners(data: Data) -> str:
    rows = [
        (
            clean(row.get("address")) + (" (redirects)" if row.get("redirects") else ""),
            clean(row.get("type")),
            clean(row.get("fd")),
        )
        for row in records(data.get("listeners"))
    ]
    lines = table(("ADDRESS", "TYPE", "FD"), rows) if rows else ["no listeners"]
    certificates = [
        (clean(row.get("name")), clean(row.get("serial")), clean(row.get("expires")))
        for row in records(data.get("certificates"))
    ]
    if certificates:
        lines = [*lines, "", *table(("CERTIFICATE", "SERIAL", "EXPIRES"), certificates)]
    return "\n".join(lines)


def _config(data: Data) -> str:
    width = max(map(len, data), default=0)
    lines = []
    for name, setting in data.items():
        entry = setting if isinstance(setting, dict) else {"value": setting}
        origin = entry.get("origin") or "default"
        told = "" if origin == "default" else f"  # {clean(origin)}"
        value = entry.get("value")
        # Not a dash: that is a value of its own for log files.
        text = "None" if value is None else clean(value)
        lines.append(f"{name:<{width}} = {text}{told}")
    return "\n".join(lines)


def _everything(data: Data) -> str:
    master = data.get("arbiter")
    rows = [
        (clean(row.get("pid")), clean(row.get("age")), clean(row.get("booted")),
         duration(row.get("last_heartbeat")))
        for row in records(data.get("web_workers"))
    ]  # fmt: skip
    lines = [f"master {clean(master.get('pid') if isinstance(master, dict) else None)}", ""]
    return "\n".join(lines + table(("PID", "AGE", "BOOTED", "BEAT"), rows))


def _help(data: Data) -> str:
    commands = data.get("commands")
    rows = commands if isinstance(commands, dict) else {}
    width = max(map(len, rows), default=0)
    return "\n".join(f"  {name:<{width}}  {clean(text)}" for name, text in rows.items())


_SHAPES: dict[str, Callable[[Data], str]] = {
    "status": _status,
    "workers": _workers,
    "show workers": _workers,
    "stack": _stack,
    "listeners": _listeners,
    "show listeners": _listeners,
    "config": _config,
    "show config": _config,
    "show all": _everything,
    "help": _help,
}
