"""How each ASGI server is started: one row each, data only, as in servers.py.

Every row is the best fair setting with one worker: uvloop where it can be chosen, no access log,
room for the 10,000 connections that some scenarios hold. Servers that agree to compress WebSocket
messages only when told to are told to: it takes effect where a client offers it.
"""

from __future__ import annotations

from bench.server import ASGI, LICORNE, Server

_LICORNE = (
    *("{licorne}", "-m", "licorne", "-k", "asgi", "-w", "{workers}", "-b", "127.0.0.1:{port}"),
    *("--worker-connections", "16384"),
)
_GUNICORN = (
    *("{bin}/gunicorn", "-k", "asgi", "-w", "{workers}", "-b", "127.0.0.1:{port}"),
    *("--worker-connections", "16384", "--keep-alive", "75", "--asgi-loop", "uvloop"),
)
_UVICORN = (
    *("{bin}/uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--loop", "uvloop"),
    *("--log-level", "warning", "--no-access-log", "--timeout-keep-alive", "75"),
    *("--interface", "asgi3", "--backlog", "4096"),
)
_TLS_GUNICORN = ("--certfile", "{certificate}", "--keyfile", "{key}")
_TLS = (*_TLS_GUNICORN, "--http-protocols", "h2,h1")
_GARBAGE = "ends when several requests with bodies come at a time: ffi.from_handle() finds garbage"

SERVERS = (
    Server(
        name=LICORNE,
        interface=ASGI,
        tls=_TLS,
        command=(*_LICORNE, "--asgi-loop", "uvloop", "{app}"),
    ),
    Server(
        name="licorne asyncio",
        interface=ASGI,
        tls=_TLS,
        command=(*_LICORNE, "--asgi-loop", "asyncio", "{app}"),
    ),
    Server(
        name="gunicorn",
        interface=ASGI,
        requires=("gunicorn", "gunicorn_h1c", "uvloop"),
        tls=(*_TLS_GUNICORN, "--http-protocols", "h2,h1"),
        command=(*_GUNICORN, "--http-parser", "fast", "{app}"),
    ),
    Server(
        # Its parser in C loses connections that carry bodies of 64 KB; this one does not.
        name="gunicorn python",
        interface=ASGI,
        requires=("gunicorn", "uvloop"),
        command=(*_GUNICORN, "--http-parser", "python", "{app}"),
    ),
    Server(
        name="uvicorn",
        interface=ASGI,
        requires=("uvicorn", "httptools", "uvloop", "websockets"),
        tls=("--ssl-certfile", "{certificate}", "--ssl-keyfile", "{key}"),
        command=(*_UVICORN, "--http", "httptools", "{app}"),
    ),
    Server(
        name="uvicorn zttp",
        interface=ASGI,
        requires=("uvicorn", "zttp", "uvloop", "websockets"),
        command=(*_UVICORN, "--http", "zttp", "{app}"),
    ),
    Server(
        name="hypercorn",
        interface=ASGI,
        requires=("hypercorn", "uvloop"),
        tls=_TLS_GUNICORN,
        command=(
            *("{bin}/hypercorn", "-b", "127.0.0.1:{port}", "-w", "{workers}", "-k", "uvloop"),
            *("--keep-alive", "75", "--backlog", "4096", "--log-level", "WARNING", "{app}"),
        ),
    ),
    Server(
        name="granian",
        interface=ASGI,
        requires=("granian", "uvloop"),
        tls=("--ssl-certificate", "{certificate}", "--ssl-keyfile", "{key}", "--http", "auto"),
        command=(
            *("{bin}/granian", "--interface", "asgi", "--http", "1", "--workers", "{workers}"),
            *("--runtime-mode", "st", "--loop", "uvloop", "--log-level", "warning"),
            *("--backpressure", "16384", "--backlog", "4096"),
            *("--host", "127.0.0.1", "--port", "{port}", "{app}"),
        ),
        pipelining=("--http1-pipeline-flush",),
    ),
    Server(
        name="socketify",
        interface=ASGI,
        requires=("socketify",),
        command=(
            *("{python}", "-m", "socketify", "{app}", "--host", "127.0.0.1", "--port", "{port}"),
            *("--workers", "{workers}", "--interface", "asgi", "--disable-listen-log", "true"),
            *("--ws-per-message-deflate", "true"),
        ),
        skips=dict.fromkeys(("asgi-echo-1k", "asgi-echo-64k"), _GARBAGE),
    ),
    Server(
        name="m0serve",
        interface=ASGI,
        requires=("m0serve",),
        command=(
            *("{bin}/m0serve", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"),
            *("--blocking-threads", "0", "--protocol", "asgi", "--max-keepalive-requests", "0"),
            *("--max-body", "64m", "{app}"),
        ),
        skips=dict.fromkeys(("asgi-idle", "asgi-idle-deflate"), "holds 1,024 connections at most"),
    ),
    Server(
        name="peregrine",
        interface=ASGI,
        requires=("peregrine-server", "uvloop"),
        tls=("--tls-cert", "{certificate}", "--tls-key", "{key}"),
        command=(
            *("{bin}/peregrine", "--host", "127.0.0.1", "--port", "{port}"),
            *("--workers", "{workers}", "--protocol", "asgi", "--keep-alive", "75000"),
            *("--max-body", "67108864", "--max-connections", "16384", "--ws-compress", "{app}"),
        ),
    ),
    Server(
        name="h2corn",
        interface=ASGI,
        requires=("h2corn", "uvloop"),
        tls=_TLS_GUNICORN,
        command=(
            *("{bin}/h2corn", "-b", "127.0.0.1:{port}", "-w", "{workers}", "--loop", "uvloop"),
            *("--runtime-threads", "1", "--no-access-log", "--backlog", "4096", "{app}"),
        ),
    ),
    Server(
        name="weft",
        interface=ASGI,
        requires=("weft-server", "uvloop"),
        command=(
            *("{bin}/weft", "--host", "127.0.0.1", "--port", "{port}", "--workers", "{workers}"),
            *("--protocol", "asgi", "--keep-alive", "75", "--max-body", "67108864"),
            *("--max-connections", "16384", "--ws-compress", "--log-level", "warning", "{app}"),
        ),
    ),
)
