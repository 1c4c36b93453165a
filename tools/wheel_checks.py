"""What is asked of the files of a release: names and numbers, then a life without cargo.

Of a wheel: `twine check`, its tag, the highest version of glibc that it needs (auditwheel, and the
symbols themselves), no debug sections, its size, its bill of materials (CycloneDX), the licences of
the crates in it. Then it is installed into a fresh virtual environment with a PATH that has no
cargo, where it serves Flask, Django and FastAPI, and answers `licornectl status`. The source
distribution is built from there, without a network. The distribution `gunicorn` is installed beside
a wheel, and its command serves.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

import third_party

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES = 4_000_000
#: The newest symbols that manylinux_2_17 has (PEP 600).
GLIBC = (2, 17)
#: Without cargo and rustup: ~/.cargo/bin and the like are not in it.
PATH = "/usr/local/bin:/usr/bin:/bin"
LISTENING = re.compile(r"Listening at: .*(https?://127\.0\.0\.1:\d+)")
FLASK = (
    "from flask import Flask\napp = Flask(__name__)\n@app.route('/')\ndef index(): return 'flask'\n"
)
FASTAPI = (
    "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef index(): return 'fastapi'\n"
)


class CheckError(Exception):
    """A promise that a file does not keep."""


def main(root: Path, dist: Path, pythons: list[str]) -> int:
    """Check all that is in `dist`; 0 when nothing is wrong."""
    version = re.search(r'^version = "(.+)"', (root / "Cargo.toml").read_text(), re.MULTILINE)
    assert version is not None
    files = [path for path in dist.iterdir() if version[1] in path.name]
    wheels = sorted(
        path for path in files if path.name.startswith("licorne") and path.suffix == ".whl"
    )
    compat = [path for path in files if path.name.startswith("gunicorn") and path.suffix == ".whl"]
    sdists = [path for path in files if path.name == f"licorne-{version[1]}.tar.gz"]
    _told([sys.executable, "-m", "twine", "check", "--strict", *map(str, files)])
    found = third_party.crates(root, third_party.PLATFORMS[:1])
    crates = [f"{each['name']} {each['version']}" for each in found]
    failed = 0
    for path in wheels:
        failed += _checked(path, partial(_file, crates=crates))
    by_tag = {_tag(python): python for python in pythons}
    for path in wheels:
        python = by_tag.get(path.name.split("-")[2])
        if python is not None:
            failed += _checked(path, partial(_life, python=python, compat=compat))
    for path in sdists:
        failed += _checked(path, _source)
    print(f"{len(files)} files in {dist}, {failed} checks failed", flush=True)
    return 1 if failed else 0


def _checked(path: Path, check: Callable[[Path], str]) -> int:
    try:
        print(f"{path.name}: {check(path)}", flush=True)
    except CheckError as error:
        print(f"{path.name}: FAILED: {error}", flush=True)
        return 1
    return 0


def _tag(python: str) -> str:
    code = "import sys; print('cp%d%d' % sys.version_info[:2])"
    return _told([python, "-c", code]).strip()


def _file(path: Path, crates: list[str]) -> str:
    """What the file itself shows."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise CheckError(f"{size:,} bytes, more than {MOST_BYTES:,}")
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        names = archive.namelist()
        (library,) = (name for name in names if name.endswith(".so"))
        highest = _library(Path(archive.extract(library, folder)))
        _materials(archive, names, crates)
        licences = [name for name in names if name.endswith("licenses/LICENSE-THIRD-PARTY")]
        if not licences:
            raise CheckError("the licences of the crates are not in it")
        text = archive.read(licences[0]).decode()
        missing = [crate for crate in crates if f"\n{crate}: " not in text]
        if missing:
            raise CheckError(f"no licence of {', '.join(missing)}")
    told = _told([sys.executable, "-m", "auditwheel", "show", str(path)])
    if "manylinux_2_17" not in told and "manylinux2014" not in told:
        raise CheckError(f"auditwheel says: {told}")
    return f"{size:,} bytes, glibc {highest}, {len(crates)} crates, licences and SBOM inside"


def _library(path: Path) -> str:
    with path.open("rb") as file:
        elf = ELFFile(file)
        debug = [section.name for section in elf.iter_sections() if ".debug" in section.name]
        if debug or elf.get_section_by_name(".symtab"):
            raise CheckError(f"debug sections: {', '.join(debug) or '.symtab'}")
        versions = {
            tuple(map(int, needed.name.removeprefix("GLIBC_").split(".")))
            for section in elf.iter_sections()
            if isinstance(section, GNUVerNeedSection)
            for _, versions in section.iter_versions()
            for needed in versions
            if needed.name.startswith("GLIBC_2")
        }
    highest = max(versions)
    if highest > GLIBC:
        raise CheckError(f"glibc {'.'.join(map(str, highest))} is newer than 2.17")
    return ".".join(map(str, highest))


def _materials(archive: zipfile.ZipFile, names: list[str], crates: list[str]) -> None:
    bills = [name for name in names if "/sboms/" in name and name.endswith(".cyclonedx.json")]
    if not bills:
        raise CheckError("no bill of materials (dist-info/sboms)")
    content = json.loads(archive.read(bills[0]))
    found = {f"{each['name']} {each['version']}" for each in content["components"]}
    missing = [crate for crate in crates if crate not in found]
    if missing:
        raise CheckError(f"the bill of materials does not name {', '.join(missing)}")


def _life(path: Path, python: str, compat: list[Path]) -> str:
    """Install the wheel, and serve with it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = _environment(folder, python, [str(path), "flask", "django", "fastapi"])
        (folder / "app.py").write_text(FLASK)
        (folder / "api.py").write_text(FASTAPI)
        _told([str(place / "django-admin"), "startproject", "shop"], cwd=folder)
        _serves(place, folder, ["licorne", "app:app"], b"flask")
        _serves(place, folder, ["licorne", "api:app"], b"fastapi")
        _serves(place, folder, ["licorne", "--self-signed", "app:app"], b"flask")
        _serves(place, folder / "shop", ["licorne", "shop.wsgi"], b"Django")
        served = "serves Flask, FastAPI, Django, and TLS"
        if compat:
            _told(
                [str(place / "python"), "-m", "pip", "install", "-q", "--no-deps", str(compat[0])]
            )
            _serves(place, folder, ["gunicorn", "app:app"], b"flask")
            served += ", and as gunicorn"
        return f"{served} on {_told([python, '-V']).strip()}"


def _environment(folder: Path, python: str, packages: list[str]) -> Path:
    _told([python, "-m", "venv", str(folder / "venv")])
    place = folder / "venv" / "bin"
    environment = os.environ | {"PATH": PATH}
    if shutil.which("cargo", path=f"{place}:{PATH}"):
        raise CheckError(f"cargo is in {PATH}")
    words = [str(place / "python"), "-m", "pip", "install", "-q", "--only-binary", ":all:"]
    _told([*words, *packages], environment=environment)
    return place


def _serves(place: Path, folder: Path, words: list[str], expected: bytes) -> None:
    """Start the server, ask it, look at it with licornectl, and stop it."""
    environment = {"PATH": f"{place}:{PATH}", "HOME": str(folder), "LANG": "C.UTF-8"}
    with subprocess.Popen(
        [str(place / words[0]), "-b", "127.0.0.1:0", *words[1:]],
        cwd=folder, env=environment, stderr=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stderr is not None
            told = ""
            for line in server.stderr:
                told += line
                if (found := LISTENING.search(line)) is not None:
                    break
            else:
                raise CheckError(f"{words[0]} does not start:\n{told}")
            # A certificate that was made at the start is known to no client.
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            with urllib.request.urlopen(found[1], timeout=60, context=trusting) as answer:
                body = answer.read()
            if expected not in body:
                raise CheckError(f"{' '.join(words)} answers {body[:200]!r}")
            status = _told([str(place / "licornectl"), "status", "-j"], environment=environment)
            if json.loads(status)["pid"] != server.pid:
                raise CheckError(f"licornectl says {status}")
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)
    if server.returncode != 0:
        raise CheckError(f"{' '.join(words)} ends with {server.returncode}")


def _source(path: Path) -> str:
    """Build from the source distribution with an empty cargo home and no network for cargo."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
        (source,) = folder.glob("licorne-*")
        environment = os.environ | {
            "CARGO_HOME": str(folder / "cargo"),
            "CARGO_NET_OFFLINE": "true",
            "CARGO_TARGET_DIR": str(folder / "target"),
            "MATURIN_PEP517_ARGS": "--profile dev",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
        _told([*words, "--no-index", "-w", str(folder), str(source)], environment=environment)
        (built,) = folder.glob("*.whl")
        return f"{path.stat().st_size:,} bytes, builds offline: {built.name}"


def _told(
    words: list[str], cwd: Path | None = None, environment: dict[str, str] | None = None
) -> str:
    done = subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise CheckError(f"{' '.join(words[:4])} … failed:\n{done.stdout}{done.stderr}")
    return done.stdout
