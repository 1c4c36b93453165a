"""What the site has beside `docs/`: pages and files of the repository, from where they are.

A hook of MkDocs (`hooks` of mkdocs.yml). A page may link to any file of the repository: that file
becomes a page of the site, so that a reader needs nothing else, and no text is there twice.
Diagrams are drawn by a Mermaid that `make docs` has put beside its virtual environment; without it
their source is shown.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, InclusionLevel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
MERMAID = ROOT / ".venvs" / "docs" / "mermaid.min.js"
#: Pages at the root of the repository, by their names on the site.
AT_ROOT = {
    "architecture.md": "ARCHITECTURE.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
#: How a file is highlighted, by the end of its name; others are shown as they are.
LANGUAGES = {
    ".cfg": "ini", ".conf": "nginx", ".json": "json", ".py": "python", ".service": "ini",
    ".socket": "ini", ".toml": "toml", ".yaml": "yaml", "Dockerfile": "dockerfile",
}  # fmt: skip
LINK = re.compile(r"(?<=\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?=\))")
#: The text of a link that is the name of its file.
NAMED = re.compile(r"\[(?P<name>[\w-]+\.md)\]\((?=(?P<target>[^)\s#]*(?P=name)))")
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)

#: A page of the site to its file in the repository, and back.
_origin: dict[str, str] = {}
_place: dict[str, str] = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Diagrams are drawn where the program is there that draws them."""
    if MERMAID.exists():
        from pymdownx.superfences import fence_code_format  # noqa: PLC0415 - with the site only

        fence = {"name": "mermaid", "class": "mermaid", "format": fence_code_format}
        config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages at the root, and every file that pages link to."""
    _origin.clear()
    _place.clear()
    for file in files.documentation_pages():
        _meet(file.src_uri, f"docs/{file.src_uri}")
    if MERMAID.exists():
        files.append(File.generated(config, "assets/mermaid.min.js", abs_src_path=str(MERMAID)))
    for place, origin in AT_ROOT.items():
        files.append(File.generated(config, place, content=_text(origin)))
        _meet(place, origin)
    pending = list(_origin)
    while pending:
        page = pending.pop()
        for origin in _linked(page):
            place = _page_of(origin)
            file = File.generated(config, place, content=_text(origin))
            # Found by links and by the search.
            file.inclusion = InclusionLevel.NOT_IN_NAV
            files.append(file)
            _meet(place, origin)
            pending.append(place)
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Links between files of the repository become links between pages."""
    here = page.file.src_uri
    if here.startswith("files/"):
        page.meta.setdefault("search", {})["boost"] = 0.5

    def link(match: re.Match[str]) -> str:
        target = _place.get(_resolved(_origin[here], match["target"]))
        if target is None:
            return match[0]
        return posixpath.relpath(target, posixpath.dirname(here)) + (match["anchor"] or "")

    def named(match: re.Match[str]) -> str:
        """A file is a page here, and is called by its title."""
        origin = _resolved(_origin[here], match["target"])
        return f"[{_title(origin)}](" if origin in _place else match[0]

    return _outside_of_code(markdown, lambda text: LINK.sub(link, NAMED.sub(named, text)))


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Pages with a diagram, and only those, load what draws it."""
    if 'class="mermaid"' not in output:
        return output
    depth = page.url.count("/")
    script = f'<script src="{"../" * depth}assets/mermaid.min.js"></script>'
    return output.replace("</head>", f"{script}</head>", 1)


def _meet(place: str, origin: str) -> None:
    _origin[place] = origin
    _place[origin] = place


def _linked(page: str) -> Iterator[str]:
    """Files of the repository that a page links to, and that are no pages yet."""
    found: list[str] = []
    text = _text(_origin[page])
    _outside_of_code(
        text, lambda part: found.extend(m["target"] for m in LINK.finditer(part)) or part
    )
    for target in found:
        origin = _resolved(_origin[page], target)
        if not origin.startswith("docs/") and origin not in _place and (ROOT / origin).is_file():
            yield origin


def _page_of(origin: str) -> str:
    return f"files/{origin}" if origin.endswith(".md") else f"files/{origin}.md"


def _resolved(origin: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))


def _title(origin: str) -> str:
    first = (ROOT / origin).read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ")


def _text(origin: str) -> str:
    """A file as Markdown: a page as it is, with the files beside it; any other one as a listing."""
    text = (ROOT / origin).read_text(encoding="utf-8")
    folder, name = posixpath.split(origin)
    if name.endswith(".md"):
        beside = _beside(folder) if name == "README.md" and folder else []
        return text + ("\n## Files\n\n" + "\n".join(beside) + "\n" if beside else "")
    language = LANGUAGES.get(posixpath.splitext(name)[1]) or LANGUAGES.get(name, "")
    return f"# {origin}\n\n```{language}\n{text.rstrip()}\n```\n"


def _beside(folder: str) -> list[str]:
    names: list[str] = []
    for path, folders, found in os.walk(ROOT / folder):
        folders[:] = sorted(each for each in folders if not each.startswith((".", "__")))
        relative = os.path.relpath(path, ROOT / folder)
        names.extend(
            posixpath.normpath(posixpath.join(relative, each))
            for each in sorted(found)
            if each != "README.md" and not each.startswith(".") and not each.endswith(".pyc")
        )
    return [f"- [{name}]({name})" for name in names]


def _outside_of_code(text: str, change: Callable[[str], str]) -> str:
    return "".join(part if part.startswith("```") else change(part) for part in FENCE.split(text))
