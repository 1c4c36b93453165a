"""Conversions of values that several servers share."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhd]?)")
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
TRUE = {"true", "yes", "on", "1"}
FALSE = {"false", "no", "off", "0", ""}
#: Worker classes of gunicorn's that run ASGI applications.
ASGI_WORKERS = re.compile(r"(uvicorn|uvicorn_worker|hypercorn)(\.workers)?\.\w+|asgi")


def text(value: object) -> str:
    """The value as text."""
    return str(value).strip()


def number(value: object) -> int:
    """The whole number at the beginning, as C programs read it (uWSGI: `1000 # comment`)."""
    if isinstance(value, bool):
        raise TypeError("a number is wanted")
    found = re.match(r"\s*(\d+)", str(value))
    if found is None:
        raise ValueError(f"{value!r} is no number")
    return int(found[1])


def seconds(value: object) -> float | int:
    """Seconds, also as `1h30m` or `500ms`."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    said = text(value)
    if not re.fullmatch(rf"({_DURATION.pattern}\s*)+", said):
        raise ValueError(f"{value!r} is no duration")
    total = sum(float(count) * _UNITS[unit] for count, unit in _DURATION.findall(said))
    return int(total) if total == int(total) else total


def milliseconds(value: object) -> float:
    """Milliseconds as seconds."""
    return number(value) / 1000


def whole_seconds(value: object) -> int:
    """Seconds for a setting that takes whole ones; a part of one counts as one."""
    found = seconds(value)
    return int(found) + (found > int(found))


def mebibytes(value: object) -> str:
    """A number of MiB, as `max_worker_memory` is written."""
    return f"{number(value)}M"


def switch(value: object) -> bool:
    """True or false in the words of any configuration file."""
    if isinstance(value, bool):
        return value
    word = text(value).lower()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise ValueError(f"{value!r} is neither true nor false")


def level(value: object) -> str:
    """A log level; what only others have becomes the nearest."""
    word = text(value).lower()
    return {"trace": "debug", "notset": "debug", "warn": "warning"}.get(word, word)


def loop(value: object) -> str:
    """The event loop; those of other systems and languages have no word here."""
    word = text(value)
    if word in {"auto", "asyncio", "uvloop", "none"}:
        return "auto" if word == "none" else word
    if ":" in word:
        return word
    raise ValueError(f"the loop {word} has no word here: `asgi_loop` takes MODULE:FACTORY, too")


def address(value: object) -> str:
    """Where to listen: `:8000` and `*:8000` are every address of the machine."""
    word = text(value)
    if word.startswith(("*:", ":")):
        return f"0.0.0.0:{word.rpartition(':')[2]}"
    path = "/" in word or word.endswith((".sock", ".socket"))
    if path and not word.startswith(("unix:", "fd://", "tcp://")):
        return f"unix:{word}"
    if word.isdigit():
        return f"0.0.0.0:{word}"
    return word


def host_port(host: object, port: object) -> str:
    """`HOST:PORT`, with brackets around an IPv6 address."""
    name = text(host)
    return f"[{name}]:{port}" if ":" in name and not name.startswith("[") else f"{name}:{port}"


def module_path(path: object) -> str:
    """A file of Python as the name of its module: `shop/wsgi.py` is `shop.wsgi`."""
    word = text(path).removesuffix(".py")
    if word.startswith("/"):
        raise ValueError("give wsgi_app as MODULE:NAME, and chdir to the folder of the file")
    return word.removeprefix("./").replace("/", ".")
