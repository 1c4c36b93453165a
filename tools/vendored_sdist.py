"""The source distribution, with its crates: it builds without a network.

maturin makes it; here the crates come in (`cargo vendor`), without those for tests alone, and with
the configuration that tells cargo where they are.
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

#: Of all members, so that the same sources make the same file.
EPOCH = 315532800
_DEVELOPMENT = re.compile(r"^\[dev-dependencies.*?(?=^\[|\Z)", re.MULTILINE | re.DOTALL)


def make(root: Path, dist: Path) -> Path:
    """Make the archive in `dist`."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        maturin = Path(sys.executable).with_name("maturin")
        subprocess.run([maturin, "sdist", "--out", place], cwd=root, check=True)
        (plain,) = place.glob("*.tar.gz")
        with tarfile.open(plain) as archive:
            archive.extractall(place, filter="data")
        folder = place / plain.name.removesuffix(".tar.gz")
        _vendor(folder)
        for file in root.glob("LICENSE-*"):
            shutil.copy(file, folder)
        made = dist / plain.name
        _pack(folder, made)
    print(f"Source distribution: {made} ({made.stat().st_size / 1e6:.1f} MB)", flush=True)
    return made


def _vendor(folder: Path) -> None:
    for manifest in folder.glob("crates/*/Cargo.toml"):
        manifest.write_text(_DEVELOPMENT.sub("", manifest.read_text()))
    # Without them the lock file has entries too many: cargo drops these, and changes nothing else.
    subprocess.run(
        ["cargo", "metadata", "--format-version", "1"], cwd=folder, check=True, capture_output=True
    )
    told = subprocess.run(
        ["cargo", "vendor", "--locked", "--versioned-dirs", "vendor"],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    configuration = folder / ".cargo" / "config.toml"
    configuration.parent.mkdir()
    configuration.write_text(told.stdout)


def _pack(folder: Path, made: Path) -> None:
    with (
        made.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=EPOCH) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                member = tarfile.TarInfo(str(path.relative_to(folder.parent)))
                member.size = path.stat().st_size
                member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                member.mtime = EPOCH
                archive.addfile(member, io.BytesIO(path.read_bytes()))
