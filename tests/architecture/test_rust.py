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
