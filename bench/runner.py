"""Starts, inside this process, the servers that have no command or whose command lacks options.

usage: python -m bench.runner NAME MODULE:ATTRIBUTE PORT
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module


def main() -> None:
    """Serve the application with the named server until a signal ends the process."""
    name, target, port = sys.argv[1:]
    module, _, attribute = target.partition(":")
    SERVERS[name](getattr(import_module(module), attribute), int(port))


def bjoern(app: object, port: int) -> None:
    """Serve with bjoern: keep-alive is its default."""
    import_module("bjoern").run(app, "127.0.0.1", port)


def fastwsgi(app: object, port: int) -> None:
    """Serve with fastwsgi: Nagle off, bodies of the upload scenario allowed."""
    server = import_module("fastwsgi").server
    server.tcp_nodelay = 1
    server.max_content_length = 64 * 1024 * 1024
    server.init(app, "127.0.0.1", port)
    server.run()


def fastpysgi(app: object, port: int) -> None:
    """Serve with fastpysgi: the same settings as its ancestor."""
    server = import_module("fastpysgi").server
    server.tcp_nodelay = 1
    server.max_content_length = 64 * 1024 * 1024
    server.init(app, "127.0.0.1", port)
    server.run()


def waitress(app: object, port: int) -> None:
    """Serve with waitress: poll instead of select, or 1,000 connections are too many."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    import_module("waitress").serve(
        app,
        host="127.0.0.1",
        port=port,
        threads=4,
        connection_limit=4096,
        asyncore_use_poll=True,
        channel_timeout=75,
    )


def cheroot(app: object, port: int) -> None:
    """Serve with cheroot: its default of ten threads, and room for waiting connections."""
    server = import_module("cheroot.wsgi").Server(
        ("127.0.0.1", port), app, numthreads=10, request_queue_size=2048
    )
    server.keep_alive_conn_limit = 4096
    server.safe_start()


SERVERS = {
    "bjoern": bjoern,
    "cheroot": cheroot,
    "fastpysgi": fastpysgi,
    "fastwsgi": fastwsgi,
    "waitress": waitress,
}

if __name__ == "__main__":
    main()
