"""On which line of a file a name is set, so that it can be named."""

from __future__ import annotations

import ast
import re

from licorne.errors import ConfigError
from licorne.migrate.rows import Given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Mapping


def read(path: str) -> str:
    """The text of a file; a ConfigError says why there is none."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {path!r}: {error}") from error


class Assigned:
    """The assignments of a Python file: their lines, and their values as they were written."""

    def __init__(self, path: str) -> None:
        self._path = path
        text = read(path)
        self._found: dict[str, tuple[int, str, bool]] = {}
        for node in ast.walk(ast.parse(text, path)):
            targets, value = _assignment(node)
            for target in targets:
                name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
                if name and value is not None:
                    written = ast.get_source_segment(text, value) or ""
                    self._found[name] = (value.lineno, written, _is_literal(value))
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                self._found[node.name] = (node.lineno, "", True)

    def where(self, name: str) -> str:
        """File and line."""
        return f"{self._path}:{self._found[name][0]}" if name in self._found else self._path

    def computed(self, name: str) -> str:
        """The expression, when it is more than a value that is written down; else nothing."""
        _, written, literal = self._found.get(name, (0, "", True))
        return "" if literal else " ".join(written.split())


def _assignment(node: ast.AST) -> tuple[list[ast.expr], ast.expr | None]:
    if isinstance(node, ast.Assign):
        return node.targets, node.value
    if isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        return [node.target], node.value
    return [], None


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except ValueError:
        return False
    return True


def of_python(
    path: str, content: Mapping[str, object], known: Container[str], holder: str = ""
) -> list[Given]:
    """The names that an executed file has set, or attributes of its object `holder`."""
    assigned = Assigned(path)
    held = content.get(holder) if holder else None
    if held is not None and hasattr(held, "__dict__"):
        content = {name.removeprefix("_"): value for name, value in vars(held).items()}
    return [
        Given(name, value, assigned.where(name)) for name, value in content.items() if name in known
    ]


def of_toml(path: str, content: Mapping[str, object]) -> list[Given]:
    """The keys of a TOML file."""
    text = read(path).splitlines()
    given = []
    for name, value in content.items():
        key = re.compile(rf"""\s*["']?{re.escape(name)}["']?\s*=|\s*\[\s*{re.escape(name)}\b""")
        at = next((number for number, line in enumerate(text, 1) if key.match(line)), 0)
        given.append(Given(name, value, f"{path}:{at}" if at else path))
    return given
