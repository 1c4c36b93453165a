"""What all servers have in common: options that were given, rows of tables, and the result."""

from __future__ import annotations

import os
from typing import NamedTuple

from licorne.config import Config, check, convert, tomltext
from licorne.config.later import INSTEAD
from licorne.config.nearest import distance
from licorne.config.settings import OPTIONS
from licorne.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: Settings whose text says more than the number that it stands for.
AS_WRITTEN = frozenset(
    ("umask", "user", "group", "control_socket_mode", "max_worker_memory", "chdir")
)


#: Settings that parts are joined to.
_JOINED = {
    ":callable": "wsgi_app", ":host": "bind", ":module": "wsgi_app", ":port": "bind",
    ":socket": "bind",
}  # fmt: skip


NO_PASSWORD = "give a key without a password, readable by the server only."


class Given(NamedTuple):
    """An option as it was given: its name there, its value, and where that is."""

    name: str
    value: object
    where: str


class Row(NamedTuple):
    """What becomes of an option.

    `ours` is the setting; with a colon in front, a part that the server's module joins with others.
    Without it there is none, and `why` is the reason; else `why` is a remark. A `switch` has no
    value on a command line.
    """

    ours: str = ""
    convert: Callable[[object], object] | None = None
    why: str = ""
    switch: bool = False


class Kept(NamedTuple):
    """A setting, what it was made from, and what to say of it."""

    value: object
    where: str
    remark: str


class Left(NamedTuple):
    """An option that is not taken over, and the reason."""

    given: Given
    reason: str


Table = dict[str, Row]


def same(ours: str, why: str = "") -> Row:
    """The setting that means the same."""
    return Row(ours, None, why)


def none(why: str) -> Row:
    """No setting, for this reason."""
    return Row("", None, why)


def if_known(ours: str, why: str) -> Row:
    """The setting, if this version has it; otherwise none, for this reason."""
    return same(ours) if ours in OPTIONS else none(why)


def on(ours: str, why: str = "") -> Row:
    """A flag without a value that sets a switch."""
    return Row(ours, lambda _: True, why, switch=True)


def no(why: str) -> Row:
    """A flag without a value that has no setting."""
    return Row("", None, why, switch=True)


class Draft:
    """The file to write, while it is made."""

    def __init__(self, server: str, source: str) -> None:
        self.server = server
        self.source = source
        self.kept: dict[str, Kept] = {}
        self.parts: dict[str, Given] = {}
        self.left: list[Left] = []
        self.unknown: list[Left] = []
        self.notes: list[str] = []
        #: Whether files that a command names are read, too.
        self.named_files = True

    def apply(
        self, table: Mapping[str, Row], options: Iterable[Given], *, literal: bool = False
    ) -> None:
        """Look each option up, and keep, leave or name it; `literal` values have no variables."""
        for given in options:
            row = table.get(given.name)
            if row is None:
                self.unknown.append(Left(given, unknown(given.name, table)))
            else:
                self.take(row, given, literal=literal)

    def take(self, row: Row, given: Given, *, literal: bool = False) -> None:
        """What a row says of an option."""
        if not row.ours:
            self.left.append(Left(given, row.why))
            return
        if not literal and isinstance(given.value, str) and "$" in given.value:
            self.left.append(Left(given, _of_the_shell(row.ours, given.value)))
            return
        try:
            value = given.value if row.convert is None else row.convert(given.value)
        except (TypeError, ValueError) as error:
            self.left.append(Left(given, str(error)))
            return
        if row.ours.startswith(":"):
            self.parts[row.ours[1:]] = Given(given.name, value, given.where)
        else:
            self.keep(row.ours, value, given, row.why)

    def keep(self, name: str, value: object, given: Given, remark: str = "") -> None:
        """Set a setting, if the server takes the value here and now; lists grow."""
        option = OPTIONS[name]
        if option.later and (name in check.SWITCHES or option.section in {"SSL", "HTTP/2"}):
            reason = f"{name} is for {option.later}, which is still to come: "
            self.left.append(Left(given, reason + INSTEAD[option.later] + "."))
            return
        before = self.kept.get(name)
        if option.repeated and before is not None and isinstance(before.value, list):
            added = value if isinstance(value, list) else [value]
            value = [*before.value, *(each for each in added if each not in before.value)]
        elif option.repeated and isinstance(value, str):
            value = [value]
        cfg = Config(prog="licorne")
        try:
            cfg.set(name, value, origin=given.where)
            cfg.validate()
        except ConfigError as error:
            # A user or a folder that only the other machine has.
            line = tomltext.line(name, value)
            self.left.append(Left(given, f"refused here: {error} Where it holds, write: {line}"))
            return
        number = option.type in {"bool", "int", "float"} and name not in AS_WRITTEN
        if number and value != convert.AUTO:
            value = cfg.values[name]
        self.kept[name] = Kept(value, f"{given.name}, {given.where}", remark)

    def reads(self, path: str, where: str) -> bool:
        """Whether to read a file that a command names."""
        if not self.named_files:
            self.note(f"The command reads {path}: `licorne migrate {path}` takes that over.")
        elif "$" in path or not os.path.exists(path):
            reason = "there is no such file here: migrate it where it is."
            self.left.append(Left(Given("the configuration file", path, where), reason))
        else:
            return True
        return False

    def part(self, name: str, default: object = None) -> object:
        """A part of a setting that was given; the default otherwise."""
        found = self.parts.get(name)
        return default if found is None else found.value

    def note(self, text: str) -> None:
        """Something to know that belongs to no single option."""
        if text not in self.notes:
            self.notes.append(text)


def unknown(name: str, table: Iterable[str]) -> str:
    """That an option is not known, and which one may have been meant."""
    distances = {each: distance(name, each) for each in table}
    near = min(distances, key=distances.__getitem__, default="")
    hint = f" Did you mean {near}?" if near and distances[near] <= 2 < len(name) else ""
    return f"licorne migrate does not know this option.{hint}"


def _of_the_shell(ours: str, value: str) -> str:
    if "PORT" in value and ours in {"bind", ":port", ":host"}:
        return "licorne reads PORT itself: without `bind` it listens at 0.0.0.0:$PORT."
    if ours == "workers" and "WEB_CONCURRENCY" in value:
        return "licorne reads WEB_CONCURRENCY itself."
    name = _JOINED.get(ours, ours).upper()
    sets = f"set LICORNE_{name} in the environment, or " if not name.startswith(":") else ""
    return (
        f"the value has a variable of the shell, which TOML does not: {sets}write the value here."
    )
