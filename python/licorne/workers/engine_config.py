"""All that the native engine is told, once, when a worker starts."""

from __future__ import annotations

import os

from licorne.http.rules import RequestRules
from licorne.http.wsgi import FileWrapper, base_environ, client_socket_class, server_name
from licorne.workers.access_log import AccessLog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from licorne.config import Config
    from licorne.glogging import Logger
    from licorne.sock import BaseSocket
    from licorne.tls.keeper import Keeper

    class Waiter(Protocol):
        """Where one request waits while the others of its thread run."""

        def wait(self) -> object:
            """Let the others run until `wake`, which may have come already."""

        def wake(self) -> object:
            """Let the request that waits go on."""


#: Bytes of the fields of one HTTP/2 request, where the user sets no limit.
LONGEST_HEAD = 1 << 24


class Kind:
    """How a kind of worker runs requests."""

    def __init__(
        self,
        *,
        multithread: bool = False,
        alone: bool = False,
        max_connections: int = 0,
        polled: bool = False,
        make_waiter: Callable[[], Waiter] | None = None,
        asgi: bool = False,
    ) -> None:
        #: Without threads the application keeps the loop's own: no sign of life meanwhile.
        self.multithread = multithread
        #: The environ says that the application runs alone, although a thread of its own runs it.
        self.alone = alone
        #: Clients at the most; 0 for as many as come.
        self.max_connections = max_connections
        #: Another loop polls the engine: requests share its thread, which is as good as threads to
        #: them.
        self.polled = polled
        #: Makes a waiter for a request that has to wait for its client there.
        self.make_waiter = make_waiter
        #: The application is ASGI: bodies flow, and blocks of responses leave after each round.
        self.asgi = asgi


class Wiring:
    """What connects the engine with its process and its master."""

    def __init__(
        self,
        *,
        max_requests: int = 0,
        parent: int = 0,
        master_fd: int = -1,
        signal_fd: int = -1,
        signal_relay_fd: int = -1,
        handover: tuple[int, int] | None = None,
        certificates: Keeper | None = None,
    ) -> None:
        #: After so many requests the worker asks to be replaced; 0 for never.
        self.max_requests = max_requests
        #: The master's process id: the worker ends when it has another parent. 0: not looked at.
        self.parent = parent
        #: The master's wake-up pipe.
        self.master_fd = master_fd
        #: Where numbers of signals are read, and where they are written again.
        self.signal_fd = signal_fd
        self.signal_relay_fd = signal_relay_fd
        #: The queue by which workers hand connections to each other: its descriptors for putting in
        #: and for taking out.
        self.handover = handover
        #: What TLS is served with.
        self.certificates = certificates


class EngineConfig(RequestRules):
    """What the engine reads, attribute by attribute, when it is made (`Engine.CONFIG_FIELDS`)."""

    def __init__(
        self, cfg: Config, log: Logger, sockets: list[BaseSocket], kind: Kind, wiring: Wiring
    ) -> None:
        super().__init__(cfg)
        self.polled = kind.polled
        self.make_waiter = kind.make_waiter
        self.asgi = kind.asgi
        if kind.asgi and cfg.is_default("client_address"):
            # As uvicorn: the `client` of a scope is the one behind trusted proxies.
            self.client_address = "x-forwarded-for"
        threads = kind.multithread and not kind.polled
        self._times(cfg, threads)
        self.body_buffer_size = cfg.body_buffer_size
        self.tmp_upload_dir = cfg.tmp_upload_dir or _temporary_directory()
        self.max_connections = kind.max_connections
        # With SO_REUSEPORT no sibling can accept what the kernel gave to this worker's socket.
        self.siblings = cfg.workers > 1 and not cfg.reuse_port
        self.standin_beats = threads
        self.server = server_name()
        self.sendfile = cfg.sendfile
        self.script_name = os.environ.get("SCRIPT_NAME", "")
        self.environ = base_environ(cfg, multithread=kind.multithread and not kind.alone)
        self.file_wrapper = FileWrapper
        self.socket_class = client_socket_class()
        self.addresses = [_server_address(each) for each in sockets]
        if self.addresses and self.addresses[0] is not None:
            self.environ["SERVER_NAME"], self.environ["SERVER_PORT"] = self.addresses[0]
        self.hsts = cfg.hsts
        # A program may have put a socket of its own in the place of one of ours.
        self.redirects = [bool(getattr(each, "redirects", False)) for each in sockets]
        self.redirect_http_port = cfg.redirect_http_port or self._tls_port()
        # Where no metrics are served, no request pays for looks at the clock.
        self.timed = bool(cfg.metrics_bind)
        self.access = AccessLog(log, cfg) if AccessLog.sees(log) else None
        self.protocol = cfg.protocol
        self.uwsgi_allow_ips = list(cfg.uwsgi_allow_ips)
        self.fastcgi_allow_ips = list(cfg.fastcgi_allow_ips)
        self._websocket(cfg)
        self._http2(cfg)
        self.request_id = cfg.request_id
        #: Of the requests that belong to no trace, so many begin one; None: nothing is recorded.
        self.trace_share = float(cfg.otlp_sample) if cfg.otlp else None
        self.queue_time = cfg.queue_time
        self._wire(wiring)

    def _tls_port(self) -> int:
        """Where TLS is spoken: on TCP first of all; that of https if only unix sockets do."""
        for address, redirects in zip(self.addresses, self.redirects, strict=True):
            if address is not None and not redirects:
                return int(address[1])
        return 443

    def _wire(self, wiring: Wiring) -> None:
        self.max_requests = wiring.max_requests
        self.parent = wiring.parent
        self.master_fd = wiring.master_fd
        self.signal_fd = wiring.signal_fd
        self.signal_relay_fd = wiring.signal_relay_fd
        self.handover = wiring.handover
        keeper = wiring.certificates
        self.tls = None if keeper is None else keeper.for_engine()

    def _websocket(self, cfg: Config) -> None:
        self.websocket_compression = cfg.websocket_compression
        self.websocket_max_message_size = cfg.websocket_max_message_size
        self.websocket_ping_interval = float(cfg.websocket_ping_interval)
        self.websocket_ping_timeout = float(cfg.websocket_ping_timeout)

    def _http2(self, cfg: Config) -> None:
        served = "h2" in cfg.http_protocols
        self.http2_tls = served
        self.http2_cleartext = served and cfg.http2_cleartext in ("prior-knowledge", "both")
        self.http2_upgrade = served and cfg.http2_cleartext in ("upgrade", "both")
        # A peer that is expected to speak HTTP/2 is told when it does not.
        self.http2_demanded = cfg.http2_cleartext == "prior-knowledge"
        self.http2_max_concurrent_streams = cfg.http2_max_concurrent_streams
        self.http2_initial_window_size = cfg.http2_initial_window_size
        self.http2_max_frame_size = cfg.http2_max_frame_size
        # Heads are in memory: without a limit of the user there is one all the same.
        self.http2_max_header_list_size = min(
            cfg.http2_max_header_list_size or LONGEST_HEAD, LONGEST_HEAD
        )

    def _times(self, cfg: Config, multithread: bool) -> None:
        self.keepalive = float(cfg.keepalive)
        self.header_timeout = float(cfg.header_timeout)
        self.body_timeout = float(cfg.body_timeout)
        self.write_timeout = float(cfg.write_timeout)
        self.body_min_rate = cfg.body_min_rate
        self.write_min_rate = cfg.write_min_rate
        self.connections_per_address = cfg.connections_per_address
        self.keepalive_requests = cfg.keepalive_requests
        self.request_timeout = float(cfg.request_timeout)
        self.request_timeout_paths = list(cfg.request_timeout_paths.items())
        self.queue_timeout = float(cfg.queue_timeout)
        self.queue_timeout_paths = list(cfg.queue_timeout_paths.items())
        # The master would take a thread that runs the application and the loop for silent.
        self.silence = 0.0 if multithread else float(cfg.timeout)
        self.threads = max(1, cfg.threads) if multithread else 1
        self.graceful_timeout = float(cfg.graceful_timeout)
        # An idle loop looks up once a second, or as often as a short timeout needs.
        self.beat = min(1.0, cfg.timeout / 2) if cfg.timeout else 1.0


def _temporary_directory() -> str:
    # TMPDIR or /tmp is nearly always it; the module that tries others too is slow to import.
    for path in (os.environ.get("TMPDIR"), "/tmp"):
        if path and os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK):
            return path
    import tempfile  # noqa: PLC0415 - rarely needed

    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        # A read-only container without /tmp: bodies that memory has no room for are refused, and
        # the log names this path.
        return "/tmp"


def _server_address(sock: BaseSocket) -> tuple[str, str] | None:
    """SERVER_NAME and SERVER_PORT; None on unix sockets, where the Host field gives them."""
    name = sock.getsockname()
    return (str(name[0]), str(name[1])) if isinstance(name, tuple) else None
