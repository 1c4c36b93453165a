"""A systemd of our own: the first process of new namespaces, with no unit but those of the tests.

`machine.sh` makes the namespaces; they end with their first process, and that with ours.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from e2e.client import Client
from faults.processes import children, eventually
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "examples" / "systemd"
SCRIPT = Path(__file__).with_name("machine.sh")
APP = Path(__file__).with_name("apps") / "fault_app.py"
CGROUPS = Path("/sys/fs/cgroup")
PROGRAMS = ("mount", "nsenter", "setpriv", "systemctl", "unshare")
#: What units refer to (systemd.special(7)); of the machine's own units there is none.
TARGETS = ("basic", "default", "network", "shutdown", "sockets", "sysinit")
CLONE_NEWNET = 0x40000000


def why_not() -> str:
    """Why there can be no such machine here; empty where there can."""
    if os.geteuid() != 0:
        return "a systemd of our own needs root"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or not Path("/lib/systemd/systemd").exists():
        return (
            f"a systemd of our own needs systemd and util-linux (missing: {missing or 'systemd'})"
        )
    if not any((CGROUPS / name).exists() for name in ("cgroup.procs", "unified/cgroup.procs")):
        return "a systemd of our own needs cgroup v2"
    namespaces = ("unshare", "--mount", "--pid", "--cgroup", "--net", "--fork", "--mount-proc")
    tried = subprocess.run([*namespaces, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"no namespaces for a systemd of our own: {tried.stderr.strip()}"
    return ""


class Machine:
    """A running systemd, and what one does on its machine."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lcm"))
        self._folder.chmod(0o755)
        self.application = self._folder / "application"
        self.units = self._folder / "units"
        for each in (self.application, self.units, self._folder / "log"):
            each.mkdir()
        (self.application / ".venv").symlink_to(sys.prefix)
        for name in TARGETS:
            (self.units / f"{name}.target").write_text("[Unit]\n", encoding="ascii")
        self._groups = _groups(self._folder.name)
        for group in self._groups:
            group.mkdir()
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told.bind(str(self._folder / "notify"))
        self._told.settimeout(PATIENCE)
        groups = "\n".join(map(str, self._groups))
        #: What a service needs of ours: this package and its interpreter.
        self.needed = list(dict.fromkeys(map(str, (ROOT, sys.prefix, sys.base_prefix))))
        self._process = subprocess.Popen(
            ["sh", str(SCRIPT), str(self._folder), groups, *self.needed],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._pid = 0
        try:
            self._wait_until_up()
        except BaseException:
            self.close()
            raise

    def _wait_until_up(self) -> None:
        try:
            # systemd itself is told where to say that it has started all (systemd(1)).
            while "READY=1" not in self._told.recv(4096).decode().splitlines():
                pass
        except TimeoutError:
            self._process.kill()
            said = self._process.communicate()[0]
            raise AssertionError(f"systemd was not up after {PATIENCE} s: {said}") from None
        (self._pid,) = children(self._process.pid)

    @property
    def has_memory(self) -> bool:
        """Whether units can be given a limit of memory."""
        mounted = self._root / "sys/fs/cgroup"
        controllers = mounted / "cgroup.controllers"
        if controllers.exists():
            return "memory" in controllers.read_text(encoding="ascii").split()
        return (mounted / "memory/memory.limit_in_bytes").exists()

    @property
    def _root(self) -> Path:
        return Path(f"/proc/{self._pid}/root")

    @property
    def inside(self) -> tuple[str, ...]:
        """The words before a program that is to reach the network of the machine."""
        return ("nsenter", "--target", str(self._pid), "--net", "--")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program there."""
        into = ("nsenter", "--target", str(self._pid), "--mount", "--pid", "--cgroup", "--")
        return subprocess.run(
            [*into, *words], capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def systemctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run systemctl there."""
        return self.run("systemctl", "--no-pager", *words)

    def do(self, *words: str) -> str:
        """Run systemctl; what it prints, when it has succeeded."""
        done = self.systemctl(*words)
        assert done.returncode == 0, f"systemctl {words}: {done.stdout}{done.stderr}{self.log()}"
        return done.stdout

    def shows(self, name: str, unit: str = "licorne.service") -> str:
        """A property of a unit."""
        return self.do("show", "--value", "--property", name, unit).strip()

    def until(self, name: str, value: str) -> None:
        """Wait for a property: `systemctl` has no event for it."""
        eventually(lambda: self.shows(name) == value, f"{name}={value}\n{self.log()}")

    def send(self, number: str) -> None:
        """Send a signal to the main process of the service, and to no other."""
        # An older systemd knows --kill-who alone, a newer one takes it, too.
        self.do("kill", "--kill-who=main", f"--signal={number}", "licorne.service")

    def processes(self) -> list[int]:
        """The processes in the cgroup of the service, by their numbers there; [] without one."""
        path = "system.slice/licorne.service/cgroup.procs"
        found = [self._root / "sys/fs/cgroup" / each / path for each in (".", "unified")]
        texts = [each.read_text(encoding="ascii") for each in found if each.exists()]
        # These are ours; the last number of NSpid (proc_pid_status(5)) is the machine's.
        return [_inner(number) for text in texts for number in text.split()]

    def log(self) -> str:
        """What the service has written."""
        file = self._folder / "log" / "licorne.service"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def connect(self, port: int) -> Client:
        """A connection to a port of the machine."""
        made: list[socket.socket] = []

        def make() -> None:
            with Path(f"/proc/{self._pid}/ns/net").open("rb") as space:
                # Of this thread alone, which ends at once.
                assert ctypes.CDLL(None).setns(space.fileno(), CLONE_NEWNET) == 0
            made.append(socket.socket())

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        made[0].connect(("127.0.0.1", port))
        return Client(made[0])

    def connect_unix(self, path: str) -> Client:
        """A connection to a socket file of the machine."""
        return Client.unix(f"{self._root}{path}")

    def install(self, *lines: str, code: str = "", units: dict[str, str] | None = None) -> None:
        """The units of the examples, as they are, and an application where they look for it.

        `lines` are added to the service. What else is added has to do with this place: where the
        log goes, and what PrivateTmp= would hide of the project itself.
        """
        (self._folder / "log" / "licorne.service").unlink(missing_ok=True)
        code = code or APP.read_text(encoding="utf-8") + "\napp = application\n"
        (self.application / "app.py").write_text(code, encoding="utf-8")
        shutil.rmtree(self.units / "licorne.service.d", ignore_errors=True)
        for name in ("licorne.service", "licorne.socket"):
            shutil.copy(UNITS / name, self.units / name)
        for name, text in (units or {}).items():
            (self.units / name).write_text(text, encoding="ascii")
        hidden = [each for each in self.needed if each.startswith(("/tmp/", "/var/tmp/"))]
        here = ["StandardOutput=append:/run/machine/log/%n", "StandardError=inherit"]
        here += [f"BindReadOnlyPaths={each}" for each in hidden]
        folder = self.units / "licorne.service.d"
        folder.mkdir()
        text = "\n".join(["[Service]", *here, *lines, ""])
        (folder / "tests.conf").write_text(text, encoding="ascii")
        self.do("daemon-reload")

    def clean(self) -> None:
        """Stop what a test has started."""
        self.do("stop", "licorne.service", "*.socket")
        self.systemctl("reset-failed")

    def close(self) -> None:
        """End the first process, and with it the namespaces."""
        self._process.kill()
        self._process.communicate()
        self._told.close()
        for group in self._groups:
            eventually(lambda group=group: _removed(group), f"{group} removed")
        shutil.rmtree(self._folder)


def _groups(name: str) -> Sequence[Path]:
    """Cgroups to be made below those that we are in: one in each hierarchy that systemd needs."""
    made = []
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            v2 = CGROUPS if (CGROUPS / "cgroup.procs").exists() else CGROUPS / "unified"
            made.append(v2 / path.lstrip("/") / name)
        elif controllers in {"memory", "name=systemd"}:
            made.append(CGROUPS / controllers.removeprefix("name=") / path.lstrip("/") / name)
    return made


def _inner(pid: str) -> int:
    """The number of a process in its own namespace; 0 when it has ended meanwhile."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    (line,) = [each for each in text.splitlines() if each.startswith("NSpid:")]
    return int(line.split()[-1])


def _removed(group: Path) -> bool:
    """Remove a cgroup with those in it; False while a process of it still ends."""
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            Path(folder).rmdir()
        except OSError:
            return False
    return not group.exists()
