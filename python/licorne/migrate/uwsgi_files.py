"""The files of uWSGI: ini, XML, YAML and JSON say the same, a list of options in their order.

https://uwsgi-docs.readthedocs.io/en/latest/Configuration.html
"""

from __future__ import annotations

import json
import os
import re
from typing import NamedTuple
from xml.parsers import expat

from licorne.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECTION = "uwsgi"
#: The options of a command line that name a file, and how such files end.
NAMED = ("ini", "xml", "yaml", "yml", "json")
#: What uWSGI takes for a part of the value, and people for a comment.
_REMARK = re.compile(r"\s+[#;]\s.*$")
_INI = re.compile(r"^\s*\[uwsgi\]", re.MULTILINE)
_XML = re.compile(r"<uwsgi[\s>]")
_YAML = re.compile(r"^uwsgi:\s*(#.*)?$", re.MULTILINE)
_JSON = re.compile(r'\A\s*\{\s*"uwsgi"\s*:')
_YAML_LINE = re.compile(
    r"(?P<indent>\s*)(?P<item>-\s+)?(?:(?P<name>[\w.-]+)\s*:(?:\s+|$))?(?P<value>.*)"
)


class Line(NamedTuple):
    """An option as a file has it."""

    name: str
    value: str
    number: int


def is_one(text: str) -> bool:
    """Whether a text is a file of uWSGI, by its content."""
    return any(form.search(text) for form in (_INI, _XML, _YAML, _JSON))


def read(path: str, text: str) -> Iterator[Line]:
    """The options of the part for uWSGI."""
    form = os.path.splitext(path)[1].lower()
    for pattern, endings, lines in FORMS:
        if pattern.search(text) or form in endings:
            yield from lines(path, text)
            return
    yield from _ini(path, text)


def _ini(_path: str, text: str) -> Iterator[Line]:
    section = SECTION
    for number, line in enumerate(text.splitlines(), 1):
        body = line.strip()
        if body.startswith("[") and body.endswith("]"):
            section = body[1:-1].strip()
        elif body and body[0] not in ";#" and section == SECTION:
            name, _, value = (part.strip() for part in body.partition("="))
            yield Line(name, _REMARK.sub("", value), number)


def _xml(path: str, text: str) -> Iterator[Line]:
    """`<uwsgi><processes>4</processes><master/></uwsgi>`, alone or in another element."""
    found: list[Line] = []
    inside: list[str] = []
    said: list[str] = []
    began = 0
    parser = expat.ParserCreate()

    def start(name: str, _attributes: dict[str, str]) -> None:
        nonlocal began
        inside.append(name)
        said.clear()
        began = parser.CurrentLineNumber

    def end(name: str) -> None:
        inside.pop()
        if inside and inside[-1] == SECTION:
            found.append(Line(name, "".join(said).strip(), began))
        said.clear()

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = said.append
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ConfigError(f"{path} is no XML: {error}") from error
    return iter(found)


def _yaml(path: str, text: str) -> Iterator[Line]:
    """As uWSGI's own reader has it: a line for each option, or a list of values below its name."""
    name, section = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        body = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        if not body or body in {"---", "..."}:
            continue
        match = _YAML_LINE.fullmatch(body)
        if match is None:
            raise ConfigError(f"{path}:{number}: {body.strip()!r} is no option of a YAML file.")
        value = match["value"].strip().strip("'\"")
        if not match["indent"] and not match["item"]:
            section = match["name"] or ""
        elif section == SECTION and match["item"]:
            # What looks like an option is a value here: `- A: b` is none that uWSGI knows.
            yield Line(name, body.strip()[1:].strip().strip("'\""), number)
        elif section == SECTION and match["name"]:
            name = match["name"]
            if match["value"] or not _has_items(text, number):
                yield Line(name, value, number)


def _has_items(text: str, number: int) -> bool:
    """Whether a list follows a line."""
    after = (line.strip() for line in text.splitlines()[number:])
    return next((line for line in after if line and not line.startswith("#")), "").startswith("- ")


def _json(path: str, text: str) -> Iterator[Line]:
    """`{"uwsgi": {"processes": 4, "env": ["A=1", "B=2"]}}`"""
    try:
        options = json.loads(text)[SECTION]
        given = list(options.items())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is no JSON with an object {SECTION!r}: {error}") from error
    for name, value in given:
        quoted = text.find(json.dumps(name))
        for each in value if isinstance(value, list) else [value]:
            said = json.dumps(each) if isinstance(each, bool) else str(each)
            yield Line(name, said, text.count("\n", 0, quoted) + 1)


#: By what is in them, and by their names.
FORMS: tuple[tuple[re.Pattern[str], tuple[str, ...], Callable[[str, str], Iterator[Line]]], ...] = (
    (_INI, (".ini",), _ini),
    (_XML, (".xml",), _xml),
    (_JSON, (".json",), _json),
    (_YAML, (".yaml", ".yml"), _yaml),
)
