"""How each WSGI server is started: one row each, data only. Those of ASGI are added at the end.

Every row is the best fair setting with one worker: keep-alive on, access log off, no debugging,
bodies of the upload scenario allowed. `{bin}`, `{python}`, `{port}`, `{app}`, `{threads}` and
`{log}` are filled in at the start of a process.
"""

from __future__ import annotations

from bench import servers_asgi
from bench.server import LICORNE, NGINX, RESPONDER, Server

_GUNICORN = ("{bin}/gunicorn", "-w", "{workers}", "-b", "127.0.0.1:{port}", "--keep-alive", "75")
_GTHREAD = (*_GUNICORN, "-k", "gthread", "--worker-connections", "4096")
_LICORNE = ("{licorne}", "-m", "licorne", "-w", "{workers}", "-b", "127.0.0.1:{port}")
_LICORNE_GTHREAD = (*_LICORNE, "-k", "gthread", "--worker-connections", "4096")
_GRANIAN = (
    *("{bin}/granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--workers", "{workers}"),
    *("--runtime-mode", "st", "--log-level", "warning", "--backpressure", "4096"),
    *("--backlog", "4096"),
)
_PEREGRINE = (
    *("{bin}/peregrine", "--host", "127.0.0.1", "--port", "{port}", "--workers", "{workers}"),
    *("--protocol", "wsgi", "--keep-alive", "75000", "--max-body", "67108864"),
)
_TLS_GUNICORN = ("--certfile", "{certificate}", "--keyfile", "{key}")
_TLS = (*_TLS_GUNICORN, "--http-protocols", "h2,h1")
_PRIOR = ("--http-protocols", "h2,h1", "--http2-cleartext", "both")
_ONE_BY_ONE = "one connection at a time: it closes after each answer"

#: It answers by itself: what TLS and HTTP/2 cost alone.
_NGINX = """
daemon off; master_process off; pid {log}.pid; events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_session_cache shared:all:1m;
    server {{
        listen 127.0.0.1:{port} ssl http2; default_type text/plain;
        location / {{ return 200 "Hello, World!"; }}
    }}
}}
"""

SERVERS = (
    Server(name=RESPONDER, command=("{responder}", "{port}"), interface=""),
    Server(
        name=NGINX,
        command=("nginx", "-c", "{config}"),
        config=_NGINX,
        tls=(),
        on_request=True,
    ),
    Server(
        name=LICORNE,
        tls=_TLS,
        cleartext=_PRIOR,
        command=(*_LICORNE, "-k", "sync", "{app}"),
        access_log=("--access-logfile", "{log}"),
        json=("--log-format", "json"),
    ),
    Server(
        name="licorne text log",
        command=(*_LICORNE, "-k", "sync", "--access-logfile", "{log}", "{app}"),
        on_request=True,
    ),
    Server(
        name="licorne JSON log",
        command=(
            *(*_LICORNE, "-k", "sync", "--access-logfile", "{log}"),
            *("--log-format", "json", "{app}"),
        ),
        on_request=True,
    ),
    Server(
        name="licorne queue_timeout",
        command=(*_LICORNE, "-k", "sync", "--queue-timeout", "0.5", "{app}"),
        on_request=True,
    ),
    Server(
        name="licorne gthread",
        tls=_TLS,
        cleartext=_PRIOR,
        command=(*_LICORNE_GTHREAD, "--threads", "8", "{app}"),
        access_log=("--access-logfile", "{log}"),
        json=("--log-format", "json"),
    ),
    Server(
        name="licorne gthread 4",
        command=(*_LICORNE_GTHREAD, "--threads", "4", "{app}"),
        on_request=True,
    ),
    Server(
        name="licorne threads",
        command=(*_LICORNE_GTHREAD, "{app}"),
        threads=("--threads", "{threads}"),
        on_request=True,
    ),
    Server(
        name="licorne gevent",
        requires=("gevent",),
        tls=_TLS,
        cleartext=_PRIOR,
        command=(*_LICORNE, "-k", "gevent", "--worker-connections", "4096", "{app}"),
        access_log=("--access-logfile", "{log}"),
        json=("--log-format", "json"),
    ),
    Server(
        name="licorne eventlet",
        requires=("eventlet",),
        command=(*_LICORNE, "-k", "eventlet", "--worker-connections", "4096", "{app}"),
        on_request=True,
    ),
    Server(
        name="licorne tornado",
        requires=("tornado",),
        tls=_TLS,
        cleartext=_PRIOR,
        command=(*_LICORNE, "-k", "tornado", "--worker-connections", "4096", "{app}"),
        on_request=True,
    ),
    Server(
        name="gunicorn sync",
        requires=("gunicorn",),
        command=(*_GUNICORN, "-k", "sync", "{app}"),
        access_log=("--access-logfile", "{log}"),
        skips={"pipelining": _ONE_BY_ONE},
    ),
    Server(
        name="gunicorn gthread",
        requires=("gunicorn",),
        tls=_TLS_GUNICORN,
        cleartext=_PRIOR,
        command=(*_GTHREAD, "--threads", "4", "{app}"),
        access_log=("--access-logfile", "{log}"),
    ),
    Server(
        name="gunicorn gevent",
        requires=("gunicorn", "gevent", "packaging"),
        command=(*_GUNICORN, "-k", "gevent", "--worker-connections", "4096", "{app}"),
        access_log=("--access-logfile", "{log}"),
    ),
    Server(
        name="gunicorn threads",
        requires=("gunicorn",),
        command=(*_GTHREAD, "{app}"),
        threads=("--threads", "{threads}"),
        on_request=True,
    ),
    Server(
        name="granian",
        requires=("granian",),
        tls=("--ssl-certificate", "{certificate}", "--ssl-keyfile", "{key}", "--http", "auto"),
        cleartext=("--http", "auto"),
        command=(
            *(*_GRANIAN, "--blocking-threads", "1"),
            *("--host", "127.0.0.1", "--port", "{port}", "{app}"),
        ),
        access_log=("--access-log", "--log-level", "info"),
        pipelining=("--http1-pipeline-flush",),
    ),
    Server(
        name="granian 8",
        requires=("granian",),
        command=(
            *(*_GRANIAN, "--blocking-threads", "8"),
            *("--host", "127.0.0.1", "--port", "{port}", "{app}"),
        ),
        on_request=True,
    ),
    Server(
        name="bjoern",
        requires=("bjoern",),
        command=("{python}", "-m", "bench.runner", "bjoern", "{app}", "{port}"),
    ),
    Server(
        name="fastwsgi",
        requires=("setuptools<81", "click", "fastwsgi"),
        command=("{python}", "-m", "bench.runner", "fastwsgi", "{app}", "{port}"),
    ),
    Server(
        name="fastpysgi",
        requires=("fastpysgi",),
        command=("{python}", "-m", "bench.runner", "fastpysgi", "{app}", "{port}"),
    ),
    Server(
        name="m0serve",
        requires=("m0serve",),
        command=(
            *("{bin}/m0serve", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"),
            *("--blocking-threads", "0", "--protocol", "wsgi", "--max-keepalive-requests", "0"),
            *("--max-body", "64m", "{app}"),
        ),
        access_log=("--access-log",),
    ),
    Server(
        name="peregrine",
        requires=("peregrine-server",),
        tls=("--tls-cert", "{certificate}", "--tls-key", "{key}"),
        cleartext=(),
        command=(*_PEREGRINE, "{app}"),
        access_log=("--access-log",),
    ),
    Server(
        name="peregrine 8",
        requires=("peregrine-server",),
        command=(*_PEREGRINE, "--wsgi-threads", "8", "{app}"),
        on_request=True,
    ),
    Server(
        name="pyuwsgi",
        requires=("pyuwsgi",),
        # Its router in front can keep connections alive, yet is slower than its own socket
        # without; keep-alive on its own socket serves one client and starves the others.
        command=(
            *("{bin}/pyuwsgi", "--http-socket", "127.0.0.1:{port}", "--processes", "1"),
            *("--add-header", "Connection: close", "--module", "{app}", "--need-app"),
            *("--die-on-term", "--listen", "1024"),
        ),
        access_log=("--logto", "{log}"),
        quiet=("--disable-logging",),
        skips={"pipelining": _ONE_BY_ONE},
    ),
    Server(
        name="pyuwsgi router",
        requires=("pyuwsgi",),
        command=(
            *("{bin}/pyuwsgi", "--http", "127.0.0.1:{port}", "--http-keepalive=75"),
            *("--processes", "{workers}", "--master", "--module", "{app}", "--need-app"),
            *("--die-on-term", "--listen", "1024", "--disable-logging"),
        ),
        on_request=True,
    ),
    Server(
        name="uvicorn",
        requires=("uvicorn", "httptools", "uvloop"),
        tls=("--ssl-certfile", "{certificate}", "--ssl-keyfile", "{key}"),
        command=(
            *("{bin}/uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--loop", "uvloop"),
            *("--http", "httptools", "--log-level", "warning", "--lifespan", "off"),
            *("--timeout-keep-alive", "75", "--interface", "wsgi", "{app}"),
        ),
        access_log=("--log-level", "info"),
        quiet=("--no-access-log",),
    ),
    Server(
        name="waitress",
        requires=("waitress",),
        command=("{python}", "-m", "bench.runner", "waitress", "{app}", "{port}"),
    ),
    Server(
        name="cheroot",
        requires=("cheroot",),
        command=("{python}", "-m", "bench.runner", "cheroot", "{app}", "{port}"),
    ),
    *servers_asgi.SERVERS,
)
