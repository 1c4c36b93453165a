"""Makes what a run needs: a virtual environment with the peers, licorne, wrk, the C programs.

Whatever cannot be had is said and left out; a missing peer never ends a run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.server import LICORNE
from bench.servers import SERVERS

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(__file__).resolve().parent
VENV = HOME / ".venv"
BUILD = HOME / "build"
#: What is served, and the loop that licorne takes: without one of them, its rows say so.
SERVED = ("flask", "django", "starlette", "fastapi", "uvloop")


def say(text: str) -> None:
    """Tell what is being done: these steps take minutes the first time."""
    print(text, file=sys.stderr, flush=True)


def environment(licorne_python: Path | None, *, install_peers: bool) -> tuple[Path, dict[str, str]]:
    """The environment's bin folder, and the servers that cannot take part with the reason."""
    if not install_peers:
        return VENV / "bin", {}
    if not (VENV / "bin" / "python").exists():
        say("bench: making bench/.venv")
        venv.create(VENV, with_pip=True)
    for package in SERVED:
        if reason := _pip(package):
            say(f"bench: {package} not installed: {reason}")
    missing = {}
    for server in SERVERS:
        reasons = [reason for package in server.requires if (reason := _pip(package))]
        if reasons:
            missing[server.name] = f"not installed: {reasons[0]}"
    if licorne_python is None and (reason := _pip_install_licorne()):
        missing |= dict.fromkeys(_licorne_names(), f"not installed: {reason}")
    for name, reason in missing.items():
        say(f"bench: {name} {reason}")
    return VENV / "bin", missing


def system_packages() -> None:
    """Install wrk and what bjoern compiles against, where this is Debian and we are root."""
    programs = {"wrk": "wrk", "h2load": "nghttp2-client", "nginx": "nginx", "openssl": "openssl"}
    wanted = [package for program, package in programs.items() if shutil.which(program) is None]
    if not Path("/usr/include/ev.h").exists():
        wanted.append("libev-dev")
    if not wanted:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"bench: installing {' '.join(wanted)}")
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qqy", *wanted]):
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is missing: install it (Debian: apt-get install wrk)")


def compiled(name: str) -> Path:
    """A C program of this folder, compiled when its source is newer."""
    source, program = HOME / f"{name}.c", BUILD / name
    BUILD.mkdir(exist_ok=True)
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-Wall", "-o", str(program), str(source)], check=True)
    return program


def certificate() -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that nobody has signed, and its key (P-256, PKCS #8), in PEM."""
    files = BUILD / "certificate.pem", BUILD / "key.pem"
    BUILD.mkdir(exist_ok=True)
    if not all(file.exists() for file in files):
        command = [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "3650", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-out", str(files[0]), "-keyout", str(files[1])),
        ]
        subprocess.run(command, check=True, capture_output=True)
    return files


def versions(licorne_python: Path) -> dict[str, str]:
    """Versions of all that is installed, for the record."""
    found: dict[str, str] = {}
    for python in {VENV / "bin" / "python", licorne_python}:
        listed = subprocess.run(
            [str(python), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
            capture_output=True,
            text=True,
            check=False,
        )
        pairs = (line.partition("==") for line in listed.stdout.splitlines())
        found |= {name.lower(): version for name, _, version in pairs if version}
    return found


def _licorne_names() -> list[str]:
    return [server.name for server in SERVERS if server.name.startswith(LICORNE)]


def _pip_install_licorne() -> str:
    say("bench: building licorne from the working tree")
    return _run([str(VENV / "bin" / "pip"), "install", "--quiet", "--force-reinstall", str(ROOT)])


def _pip(package: str) -> str:
    """Install one package unless it is there; the reason when that fails, else empty."""
    show = [str(VENV / "bin" / "pip"), "show", "--quiet", package.partition("<")[0]]
    if subprocess.run(show, capture_output=True, check=False).returncode == 0:
        return ""
    say(f"bench: installing {package}")
    return _run([str(VENV / "bin" / "pip"), "install", "--quiet", package])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit code {done.returncode}"
