"""What is in front of a server in production: other people's proxies, run for one test."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from random import SystemRandom
from typing import TYPE_CHECKING

from e2e.client import Client
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Where servers are installed, which not every user's path names.
PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
#: Another one in each process: pytest-randomly gives all of them the same seed.
CHANCE = SystemRandom()
#: What the system's own configuration says around the servers of a site.
NGINX_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 100m;
    {site}
}}
"""


def program(name: str) -> str | None:
    """Where a proxy is installed, if it is."""
    return shutil.which(name) or shutil.which(name, path=PLACES)


def free_port() -> int:
    """A port that is free now: proxies cannot be told to choose one.

    It is none of those that the kernel gives to connections (`ip_local_port_range`, ip(7)): one of
    the thousands that other tests make would have it before the proxy is started.
    """
    while True:
        port = CHANCE.randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def running(command: Sequence[str], port: int, cwd: Path | None = None) -> Iterator[None]:
    """A program that listens on this port, as long as the block lasts."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _wait_until_it_listens(port, process)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


@contextmanager
def nginx(site: str, port: int, folder: Path) -> Iterator[None]:
    """An nginx with the servers of this configuration, one of which listens on this port."""
    configuration = folder / "nginx.conf"
    text = NGINX_CONFIGURATION.format(folder=folder, site=site)
    configuration.write_text(text, encoding="ascii")
    with running([str(program("nginx")), "-p", str(folder), "-c", str(configuration)], port):
        yield


def distant_client(port: int) -> Client:
    """A client at 127.0.0.2, which no proxy and no setting names."""
    address = ("127.0.0.1", port)
    return Client(socket.create_connection(address, PATIENCE, source_address=("127.0.0.2", 0)))


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    """They say nothing when they are ready: try until a connection is accepted."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError(process.communicate()[1].decode())
