"""What the Rust crates promise of each other, and no compiler checks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CRATES = Path(__file__).resolve().parents[2] / "crates"
#: How a protocol is written: ends of lines, the version of a status line, sizes of chunks.
ENCODING = re.compile(
    r'\\r\\n|\\r"|"HTTP/1\.1 |\{:x\}|\{:X\}|(?:CHUNK_END|LAST_CHUNK|chunk_start)\b'
)


def code(path: Path) -> str:
    """The lines of a module without comments, and without its tests."""
    text = path.read_text(encoding="utf-8")
    text = re.split(r"^#\[cfg\(test\)\]\nmod \w+ \{$", text, maxsplit=1, flags=re.MULTILINE)[0]
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))


def modules(crate: str) -> list[Path]:
    return sorted(path for path in (CRATES / crate / "src").rglob("*.rs") if path.stem != "tests")


@pytest.mark.parametrize("crate", ["net", "engine"])
def test_only_proto_encodes(crate: str) -> None:
    """Bytes of a response are made by proto alone; what the others hold is data."""
    found = {str(path.relative_to(CRATES)): ENCODING.findall(code(path)) for path in modules(crate)}
    assert {path: hits for path, hits in found.items() if hits} == {}


def test_encoding_would_be_found() -> None:
    """What proto itself does is what the pattern looks for."""
    encoders = ("h1/encode.rs", "h1/response.rs", "h1/error_page.rs", "h1/draft.rs")
    for path in encoders:
        assert ENCODING.search(code(CRATES / "proto/src" / path)), path


@pytest.mark.parametrize("crate", ["proto", "net"])
def test_only_the_engine_knows_python(crate: str) -> None:
    """So nothing that has the reactor's mutex can wait for the interpreter lock."""
    manifest = (CRATES / crate / "Cargo.toml").read_text(encoding="utf-8")
    assert "pyo3" not in manifest
    assert "pyo3" in (CRATES / "engine" / "Cargo.toml").read_text(encoding="utf-8")


ENGINE = CRATES / "engine/src"
#: `use crate::a::b::{C, d}` and `use super::{e, f::G}`, private or re-exported.
USE = re.compile(r"^(?:pub\(crate\) )?use ((?:crate|super)(?:::|\b)[^;]*);$", re.MULTILINE)


def expanded(path: str) -> list[str]:
    """The single paths of a `use` with braces."""
    path = re.sub(r"\s+", "", path)
    head, brace, rest = path.partition("{")
    if not brace:
        return [path]
    parts, depth, start = [], 0, 0
    inner = rest[:-1]
    for at, letter in enumerate(inner + ","):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            parts.append(inner[start:at])
            start = at + 1
    return [each for part in parts if part for each in expanded(head + part)]


def file_of(path: str, user: Path) -> Path | None:
    """The module that a path names a thing of: the longest that is a file."""
    names = path.split("::")
    folder = ENGINE
    if names[0] == "super" and user.parent != ENGINE and user.stem != "mod":
        folder = user.parent
    found = None
    for name in names[1:]:
        if (folder / f"{name}.rs").exists():
            return folder / f"{name}.rs"
        if not (folder / name).is_dir():
            break
        folder = folder / name
        found = folder / "mod.rs"
    return found


def uses(path: Path) -> set[str]:
    """The modules of the engine that one module names."""
    text = code(path)
    paths = [each for use in USE.findall(text) for each in expanded(use)]
    paths += re.findall(r"\bcrate(?:::\w+)+", USE.sub("", text))
    named = [file_of(each, path) for each in paths]
    if path.stem == "mod":
        named += [path.parent / f"{name}.rs" for name in re.findall(r"\bmod (\w+);", text)]
    found = {str(each.relative_to(ENGINE)) for each in named if each is not None}
    return found - {str(path.relative_to(ENGINE))}


def order() -> list[str]:
    """The order of the modules that `lib.rs` gives: a module uses only those above it."""
    text = (ENGINE / "lib.rs").read_text(encoding="utf-8")
    table = text.partition("```text\n")[2].partition("//! ```")[0]
    # Two columns: what the modules of a line have in common, and their names.
    rows = [re.split(r"\s{2,}", line.removeprefix("//! ")) for line in table.splitlines()]
    return [f"{name}.rs" for _, names in rows for name in names.split()]


def test_the_order_of_the_engine_is_complete() -> None:
    existing = {str(path.relative_to(ENGINE)) for path in modules("engine")} - {"lib.rs"}
    assert sorted(order()) == sorted(existing)


def test_a_module_of_the_engine_uses_only_those_above_it() -> None:
    """No two modules use each other, not even by way of others."""
    places = {name: place for place, name in enumerate(order())}
    wrong = {
        f"{user} uses {used}"
        for user in places
        for used in uses(ENGINE / user)
        if places[used] >= places[user]
    }
    assert wrong == set()


def test_uses_are_found() -> None:
    assert "exchange.rs" in uses(ENGINE / "response.rs")
    assert "wsgi/caches.rs" in uses(ENGINE / "wsgi/environ.rs")
    assert {"wsgi/body.rs", "wsgi/run.rs"} <= uses(ENGINE / "wsgi/paused.rs")
    assert "wsgi/mod.rs" in uses(ENGINE / "methods.rs")
    assert "wsgi/run.rs" in uses(ENGINE / "wsgi/mod.rs")


@pytest.mark.parametrize("crate", ["proto", "net", "engine"])
def test_modules_are_small(crate: str) -> None:
    """One duty each: more than 450 lines are two."""
    lines = {
        str(path.relative_to(CRATES)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (CRATES / crate / "src").rglob("*.rs")
    }
    assert {path: count for path, count in lines.items() if count > 450} == {}
