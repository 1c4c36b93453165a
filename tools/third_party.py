"""LICENSE-THIRD-PARTY: the licences of the crates that the engine is made with.

Written before a build, from the crates that cargo has resolved, and put into each wheel beside
LICENSE (`license-files` of pyproject.toml). A crate for which there is no text is an error.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "LICENSE-THIRD-PARTY"
ENGINE = "licorne-engine"
#: What wheels are built for; crates for other systems are in the lock file, and in no wheel.
PLATFORMS = (
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl",
)
#: How files with licences begin.
TEXTS = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE")


class Package(TypedDict):
    """What of `cargo metadata` describes a crate."""

    id: str
    name: str
    version: str
    license: str | None
    source: str | None
    repository: str | None
    manifest_path: str


def write(root: Path) -> Path:
    """Write the file; the crates it names are those that the lock file pins."""
    foreign = crates(root, PLATFORMS)
    path = root / NAME
    path.write_text("\n".join(_entry(each, foreign) for each in foreign), encoding="utf-8")
    return path


def crates(root: Path, platforms: Sequence[str]) -> list[Package]:
    """The crates of others that the engine is made with for these platforms, sorted by name."""
    chosen = [word for each in platforms for word in ("--filter-platform", each)]
    told = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked", *chosen],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    content = json.loads(told.stdout)
    packages: dict[str, Package] = {each["id"]: each for each in content["packages"]}
    nodes = {each["id"]: each["deps"] for each in content["resolve"]["nodes"]}
    needed: set[str] = set()
    waiting = [each["id"] for each in packages.values() if each["name"] == ENGINE]
    while waiting:
        current = waiting.pop()
        if current not in needed:
            needed.add(current)
            # What only tests need is left out; what builds is in the bill of materials, too.
            waiting += [
                each["pkg"]
                for each in nodes[current]
                if any(kind["kind"] != "dev" for kind in each["dep_kinds"])
            ]
    return sorted(
        (packages[each] for each in needed if packages[each]["source"] is not None),
        key=lambda package: (package["name"], package["version"]),
    )


def _texts(package: Package) -> list[str]:
    folder = Path(package["manifest_path"]).parent
    return [
        path.read_text(encoding="utf-8", errors="replace").strip()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name.upper().startswith(TEXTS)
    ]


def _entry(package: Package, others: list[Package]) -> str:
    """The crate with its texts; of one without any, those of a crate of its repository."""
    same = [each for each in others if each["repository"] == package["repository"] is not None]
    texts = next(filter(None, map(_texts, (package, *same))), [])
    title = f"{package['name']} {package['version']}"
    if not texts:
        raise SystemExit(f"{title} has no file with its licence, nor its repository's crates")
    about = f"{title}: {package['license']}\n{package['repository'] or ''}".strip()
    return f"{'=' * 80}\n{about}\n{'=' * 80}\n\n" + "\n\n".join(texts) + "\n"


if __name__ == "__main__":
    print(write(Path(__file__).resolve().parents[1]))
