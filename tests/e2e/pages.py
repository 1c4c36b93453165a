"""The blocks of the pages in docs/: what readers type, and what they put into files."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: Pages that were written by hand or by `make generate`, and those beside them.
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "README.zh-CN.md"])
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (?P<title>.*)$", re.MULTILINE)
TITLE = re.compile(r'title="(?P<title>[^"]+)"')


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the heading above it, its language and title, its text."""

    page: str
    heading: str
    language: str
    title: str
    text: str

    def commands(self) -> list[str]:
        """What is typed at the prompt, without comments; a line that goes on is one."""
        joined = self.text.replace("\\\n", "")
        prompt = "$ " if "$ " in joined else ""
        lines = [line[len(prompt) :] for line in joined.splitlines() if line.startswith(prompt)]
        return [re.sub(r" +# .*", "", line).strip() for line in lines]

    def answer(self, command: str) -> str:
        """What the block shows below a command."""
        shown = self.text.partition(f"$ {command}\n")[2]
        return shown.partition("$ ")[0]


def blocks(path: Path) -> list[Block]:
    """The blocks of a page, in their order."""
    text = path.read_text(encoding="utf-8")
    page = path.relative_to(ROOT).as_posix().removeprefix("docs/")
    found = []
    for match in FENCE.finditer(text):
        outside = FENCE.sub("", text[: match.start()])
        titles = HEADING.findall(outside)
        language, _, more = match["info"].partition(" ")
        if not language:
            language = (
                "console" if match["text"].startswith(("licorne ", "licornectl ")) else "text"
            )
        title = TITLE.search(more)
        found.append(
            Block(
                page,
                titles[-1] if titles else "",
                language,
                title["title"] if title else "",
                match["text"],
            )
        )
    return found


ALL = [block for path in PAGES for block in blocks(path)]


def of(page: str, language: str = "", heading: str | None = None) -> list[Block]:
    """The blocks of a page, of one language and below one heading if these are given."""
    return [
        block
        for block in ALL
        if block.page == page
        and language in {"", block.language}
        and heading in {None, block.heading}
    ]


def words(command: str) -> list[str]:
    """The words of a command, up to what sends its output elsewhere."""
    found = shlex.split(command)
    while re.match(r"[A-Z_]+=", found[0]):
        del found[0]
    return found[: found.index(">")] if ">" in found else found


def typed(page: str, heading: str) -> list[str]:
    """The commands below a heading, of all its blocks."""
    return [command for block in of(page, "console", heading) for command in block.commands()]
