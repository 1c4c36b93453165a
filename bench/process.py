"""Starts one server on one core, waits until it answers, and ends it by its own process group."""

from __future__ import annotations

import http.client
import os
import resource
import signal
import socket
import ssl
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server

SERVER_CORE, LOAD_CORE = 0, 1
READY_WITHIN = 20.0
STOP_WITHIN = 5.0
OPEN_FILES = 16384


class NotServingError(Exception):
    """A server did not start, or does not answer."""


@dataclass(frozen=True)
class Tools:
    """Where the programs of this run are."""

    root: Path
    bin: Path
    licorne_python: Path
    responder: Path
    pace: Path
    websocket: Path
    #: A certificate of 127.0.0.1 and its key, in PEM.
    certificate: Path
    key: Path
    scratch: Path


@dataclass(frozen=True)
class Variant:
    """What a scenario asks of a server beyond its own command."""

    app: str = "bench.app:application"
    access_log: bool = False
    #: The access log, and the error log, as JSON.
    json: bool = False
    threads: int = 0
    workers: int = 1
    pipelining: bool = False
    tls: bool = False
    #: HTTP/2 in clear text.
    cleartext: bool = False
    #: On all cores, with the load beside, instead of on core 0 alone.
    all_cores: bool = False


class Running:
    """A server process: its port, its pid, and the seconds from start to the first answer."""

    def __init__(self, server: Server, variant: Variant, tools: Tools) -> None:
        self.server = server
        self.port = free_port()
        self.tls = variant.tls
        self.log = tools.scratch / f"{server.name.replace(' ', '-')}-{self.port}.log"
        command = _command(server, variant, tools, self.port, self.log)
        environment = _environment(tools)
        started = time.perf_counter()
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=tools.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_on_all_cores if variant.all_cores else _on_server_core,  # noqa: PLW1509 - this process has one thread
            )
        self.pid = self._process.pid
        try:
            self._wait_until_ready()
        except NotServingError:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - started

    def stop(self) -> None:
        """End the server: politely, then for sure, and nothing but its own process group."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_WITHIN)
                break
        with suppress(ProcessLookupError):  # descendants that outlived their parent
            os.killpg(self.pid, signal.SIGKILL)

    def last_words(self) -> str:
        """The last line the server wrote, to be shown beside its failure."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "no output")

    def _wait_until_ready(self) -> None:
        deadline = time.perf_counter() + READY_WITHIN
        while time.perf_counter() < deadline:
            if self._process.poll() is not None:
                raise NotServingError(f"ended at start: {self.last_words()}")
            if ask(self.port, "/", tls=self.tls)[:12] == b"HTTP/1.1 200":
                return
            time.sleep(0.001)
        raise NotServingError(f"no answer within {READY_WITHIN:.0f} s: {self.last_words()}")


def ask(port: int, path: str, timeout: float = 5.0, *, tls: bool = False) -> bytes:
    """One request on a connection of its own; empty when there is no answer."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    answer = b""
    with suppress(OSError), connect(port, timeout, tls=tls) as client:
        client.sendall(request.encode("ascii"))
        # Not every peer closes when asked to: stop at the end that Content-Length announces.
        while not _is_whole(answer) and (more := client.recv(65536)):
            answer += more
    return answer


def connect(port: int, timeout: float, *, tls: bool) -> socket.socket:
    """A connection, with TLS if asked for: the certificate is not looked at."""
    client = socket.create_connection(("127.0.0.1", port), timeout)
    if not tls:
        return client
    try:
        return unchecked().wrap_socket(client)
    except OSError:
        client.close()
        raise


def unchecked() -> ssl.SSLContext:
    """What clients know of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def exchange(port: int, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """One request with a body: the status of the answer, and its body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_WITHIN)
    try:
        connection.request(method, path, body or None)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def replaced_ms(port: int) -> float:
    """Kill the worker that answers, and wait for the next one's answer: how long that takes."""
    before = _body(ask(port, "/pid"))
    os.kill(int(before), signal.SIGKILL)
    started = time.perf_counter()
    while time.perf_counter() < started + READY_WITHIN:
        if _body(ask(port, "/pid")) not in {b"", before}:
            return (time.perf_counter() - started) * 1000
        time.sleep(0.001)
    raise OSError(f"no answer within {READY_WITHIN:.0f} s")


def _body(answer: bytes) -> bytes:
    return answer.rpartition(b"\r\n\r\n")[2]


def first_block_seconds(port: int, path: str) -> float:
    """Seconds from the request to the first byte of the response's body."""
    started = time.perf_counter()
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        answer = b""
        while b"x" * 16 not in answer and (more := client.recv(65536)):
            answer += more
    return time.perf_counter() - started


def on_load_core() -> None:
    """Keep this process, and what it starts, on the core of the load."""
    os.sched_setaffinity(0, {LOAD_CORE} & _cores() or _cores())
    _many_files()


def free_port() -> int:
    """A port without a listener now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return bool(found) and len(body) >= int(value)
    return False


def _command(server: Server, variant: Variant, tools: Tools, port: int, log: Path) -> list[str]:
    parts = list(server.command)
    if variant.access_log:
        parts += server.access_log or ()
        if variant.json:
            parts += server.json or ()
    else:
        parts += server.quiet
    if variant.threads:
        parts += server.threads or ()
    if variant.pipelining:
        parts += server.pipelining
    if variant.tls:
        parts += server.tls or ()
    if variant.cleartext:
        parts += server.cleartext or ()
    values = {
        "bin": str(tools.bin),
        "python": str(tools.bin / "python"),
        "licorne": str(tools.licorne_python),
        "responder": str(tools.responder),
        "port": str(port),
        "app": variant.app,
        "threads": str(variant.threads),
        "workers": str(variant.workers),
        "log": str(log.with_suffix(".access")),
        "certificate": str(tools.certificate),
        "key": str(tools.key),
        "config": str(log.with_suffix(".conf")),
    }
    if server.config:
        log.with_suffix(".conf").write_text(server.config.format_map(values), encoding="ascii")
    return [part.format_map(values) for part in parts]


def _environment(tools: Tools) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "PATH": f"{tools.bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin",
        "PYTHONPATH": str(tools.root),
        "VIRTUAL_ENV": str(tools.bin.parent),
    }


def _on_server_core() -> None:
    os.sched_setaffinity(0, {SERVER_CORE} & _cores() or _cores())
    _many_files()


def _on_all_cores() -> None:
    os.sched_setaffinity(0, _cores())
    _many_files()


def _many_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _cores() -> set[int]:
    return set(range(os.cpu_count() or 1))
