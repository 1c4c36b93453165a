"""The native engine: everything that touches bytes of a request (crates/engine)."""

from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextvars import Context
from types import TracebackType
from typing import Protocol, final

from _typeshed import WriteableBuffer
from _typeshed.wsgi import WSGIApplication

from licorne.asgi.options import AsgiOptions
from licorne.http.rules import RequestRules
from licorne.workers.engine_config import EngineConfig

#: Version of the compiled engine; equals `licorne.__version__`.
__version__: str

def explain_proxy(rules: RequestRules, peer: str, head: bytes) -> str:
    """What would be made of the forwarded headers of a request head from `peer`.

    `peer` is an IP address or `unix`. Made by the parser that requests go through.
    """

def reason_phrase(status: int) -> str | None:
    """The reason phrase of a status that refuses a request; None for any other."""

def error_page(status: int, reason: str, message: str) -> bytes:
    """A whole response with gunicorn's error page; the connection is closed after it."""

def file_extent(source: object) -> tuple[int, int] | None:
    """Where a file object stands, and how many bytes are left in its file.

    None if its `read` gives anything but the bytes of a regular file whose size is known.
    """

class Woken(Protocol):
    """To be woken when a request may go on."""

    def wake(self) -> object: ...

class Log(Protocol):
    """What the engine asks of the error log; `licorne.glogging.Logger` is one."""

    def warning(self, msg: str, *args: object) -> None: ...
    def error(self, msg: str, *args: object) -> None: ...
    def exception(self, msg: str, *args: object) -> None: ...

@final
class InFlight:
    """A request that a worker has begun and not finished."""

    @property
    def id(self) -> int:
        """Its number in its worker, from 1."""

    @property
    def method(self) -> str: ...
    @property
    def target(self) -> str:
        """The request target as sent, cut to what the record holds."""

    @property
    def peer(self) -> str: ...
    @property
    def waiting(self) -> bool:
        """No thread has begun it."""

    @property
    def thread(self) -> int:
        """The system's id of the thread that runs it; 0 while it waits, or where there are none."""

    @property
    def body(self) -> int:
        """Bytes of the request body."""

    @property
    def sent(self) -> int:
        """Bytes of the response body given to the connection so far."""

    @property
    def age(self) -> float:
        """Seconds since the application was called, or since it waits for that."""

    @property
    def overdue(self) -> bool:
        """It is over its time, and has been answered."""

@final
class Overdue:
    """A request that was over its time."""

    @property
    def number(self) -> int:
        """Counts the overdue requests of the worker, from 0."""

    @property
    def request(self) -> InFlight:
        """The request as it was found."""

    @property
    def setting(self) -> str:
        """The setting that it has broken: `request_timeout` or `timeout`."""

    @property
    def limit(self) -> float:
        """The limit, in seconds."""

@final
class WorkerSnapshot:
    """One worker as the scoreboard sees it, at the moment of reading."""

    @property
    def pid(self) -> int: ...
    @property
    def ready(self) -> bool:
        """The application is loaded and the worker waits for requests."""

    @property
    def beat_age(self) -> float:
        """Seconds since the worker's own loop last gave a sign of life."""

    @property
    def requests(self) -> int:
        """Requests finished since the worker was started."""

    @property
    def connections(self) -> int:
        """Client connections open now."""

    @property
    def streams(self) -> int:
        """Streams of HTTP/2 open on them."""

    @property
    def waiting(self) -> int:
        """Complete requests that wait for a thread now."""

    @property
    def longest_wait(self) -> float:
        """Seconds that the first of them has waited."""

    @property
    def loop_lag(self) -> float | None:
        """Seconds that its event loop was late lately; None if it has none."""

    @property
    def retire(self) -> int:
        """Why the worker asks to be replaced (`supervisor.causes.BY_CODE`); 0: it does not."""

    @property
    def in_flight(self) -> tuple[InFlight, ...]: ...

@final
class Counts:
    """What a worker has counted, or several of them together; nothing when it is made."""

    #: Upper bounds of `durations` and `queue_times`, in seconds.
    DURATIONS: tuple[float, ...]
    QUEUE_TIMES: tuple[float, ...]
    #: The names of what `protocols`, `handshakes`, … count, in their order.
    PROTOCOLS: tuple[str, ...]
    HANDSHAKES: tuple[str, ...]
    STREAMS: tuple[str, ...]
    GOAWAYS: tuple[str, ...]
    BUDGETS: tuple[str, ...]

    def __add__(self, other: Counts) -> Counts: ...
    @property
    def requests(self) -> tuple[int, ...]:
        """Answers by status class, 1xx to 5xx; those of the engine itself too."""

    @property
    def durations(self) -> tuple[int, ...]:
        """Requests by the time that the application took: for each bound, and above all.

        Taken only with `EngineConfig.timed`, like `queue_times`."""

    @property
    def durations_sum(self) -> float: ...
    @property
    def queue_times(self) -> tuple[int, ...]:
        """The same requests by the time between their last byte and their thread; those that were
        not begun, by the time that they had waited."""

    @property
    def queue_times_sum(self) -> float: ...
    @property
    def protocols(self) -> tuple[int, ...]:
        """Connections that have sent a request, by what they speak."""

    @property
    def handshakes(self) -> tuple[int, ...]:
        """Handshakes of TLS, by what has become of them."""

    @property
    def streams(self) -> tuple[int, ...]:
        """Streams of HTTP/2, by what has become of them."""

    @property
    def goaways(self) -> tuple[int, ...]:
        """Connections of HTTP/2 that were told to go away, by the error code."""

    @property
    def budgets(self) -> tuple[int, ...]:
        """Those whose peers made the server do too much for nothing, by what that was."""

    @property
    def bytes_in(self) -> int: ...
    @property
    def bytes_out(self) -> int: ...
    @property
    def accepted(self) -> int:
        """Connections accepted."""

    @property
    def refused(self) -> int:
        """Requests answered 4xx by the engine, without the application."""

    @property
    def timeouts(self) -> int:
        """Requests over their time, answered 504 by the engine."""

    @property
    def sent_back(self) -> int:
        """Requests answered 503 because the worker ended before it had begun them."""

    @property
    def given(self) -> int:
        """Requests handed over to another worker, with their connections."""

    @property
    def taken(self) -> int:
        """Requests taken over from another worker."""

    @property
    def shed(self) -> int:
        """Requests answered 503 because they had waited for longer than `queue_timeout`."""

    @property
    def abandoned(self) -> int:
        """Requests that were not begun because their clients had left."""

@final
class RequestHead:
    """A request head that a `RequestReader` has read; `Exchange` says the same of its own."""

    @property
    def method(self) -> str: ...
    @property
    def uri(self) -> str:
        """The request target exactly as sent."""

    @property
    def path(self) -> str:
        """The percent-encoded path of the target."""

    @property
    def query(self) -> str: ...
    @property
    def version(self) -> tuple[int, int]:
        """The version whose rules the request follows."""

    @property
    def protocol(self) -> str:
        """The version as it was sent."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in upper case, values as latin-1 text, in the order received."""

    @property
    def scheme(self) -> str: ...
    @property
    def host(self) -> str | None:
        """The host that was asked for: of the target, of a trusted peer's word, or of Host."""

    @property
    def client(self) -> tuple[str, int] | None:
        """The client that a trusted peer names (`client_address`); port 0 was not told."""

    @property
    def keep_alive(self) -> bool:
        """Another request may come on the connection."""

    @property
    def expect_continue(self) -> bool:
        """The peer holds its body back until it gets `100 Continue`."""

    def field(self, name: str) -> str:
        """The values of a header field with commas between them; empty without the field."""

@final
class Refusal:
    """Why a peer is refused: one row of the parser's table."""

    #: The names of all refusals.
    NAMES: tuple[str, ...]

    @property
    def name(self) -> str: ...
    @property
    def status(self) -> int:
        """The status code that the peer gets."""

    @property
    def message(self) -> str:
        """One line for the log, without anything that the peer has sent."""

    def page(self) -> bytes:
        """The whole response that the peer gets; that to HEAD has no content."""

@final
class RequestReader:
    """The workers' parser for code with a socket of its own: bytes in, one request out."""

    def __init__(
        self, most: int, rules: RequestRules | None = None, peer: str = "unix", first: bool = False
    ) -> None:
        """`most` bytes may come before its head is complete; `peer` is an IP address or `unix`.

        Without rules, the defaults, and no peer is trusted. The `first` request of a connection may
        have a PROXY header before it.
        """

    def feed(self, data: bytes) -> None:
        """Take bytes of the peer."""

    def end(self) -> None:
        """The peer sends nothing more: what is not complete is refused."""

    @property
    def proxy_protocol_info(self) -> dict[str, object] | None:
        """What the PROXY header says that came before the head, by gunicorn's names."""

    def head(self) -> RequestHead | Refusal | None:
        """The head; None while bytes are missing."""

    def body(self) -> bytes | Refusal | None:
        """Bytes of the body after the head: empty at its end, None while bytes are missing."""

    def rest(self) -> bytes:
        """Take out what was fed and not consumed."""

@final
class Reply:
    """The workers' encoder for code with a socket of its own: one response as bytes."""

    def __init__(self, method: str, version: tuple[int, int], server: str) -> None:
        """Method and version of the request; `server` is the Server field."""

    def interim(self, status: str, headers: Iterable[tuple[str | bytes, str | bytes]]) -> bytes:
        """An interim response; nothing on HTTP/1.0, and after the head."""

    def start(self, status: str, headers: Iterable[tuple[str, str]]) -> None:
        """Check status and headers, in place of those before; ValueError, TypeError."""

    def head(self, length: int | None = None, *, keep_alive: bool = False) -> bytes:
        """The head, for a body of this length if it is known."""

    def body(self, data: bytes) -> bytes:
        """A piece of the body, framed; what goes beyond its announced length is left out."""

    def allow(self, count: int) -> int:
        """How many of so many bytes the caller may send by itself, without a frame."""

    def end(self) -> bytes:
        """The end of the body."""

    @property
    def content_length(self) -> int | None:
        """The length that the headers announce."""

    @property
    def chunked(self) -> bool:
        """The body is sent in chunks."""

    @property
    def bodiless(self) -> bool:
        """The head was sent, and no body may follow."""

    @property
    def keep_alive(self) -> bool:
        """The head has said that another request may come, and the body was as long as it said."""

@final
class TlsStore:
    """Certificates and ticket keys for all workers: shared memory, made before the fork."""

    TICKET_KEY: int
    """Bytes of one ticket key."""

    def __init__(self) -> None: ...
    def publish(
        self, tickets: bytes, authorities: bytes, pairs: list[tuple[list[str], bytes, bytes]]
    ) -> bool:
        """Give all workers others, for the handshakes to come; False: they are too many.

        `tickets` are keys one after the other, the one in use first; a pair is the names that it is
        shown for (none: its own), the chain in PEM, and the key in PKCS #8.
        """

@final
class TlsTerms:
    """What the settings say of TLS beside certificates."""

    def __init__(
        self, ciphers: str, cert_reqs: int, protocols: list[bytes], tls12: bool, tls13: bool
    ) -> None: ...
    def check(self, authorities: bytes, pairs: list[tuple[list[str], bytes, bytes]]) -> None:
        """A ValueError says why these certificates do not work with the settings."""

@final
class TlsCertificate:
    """What the first certificate of a PEM file says; a ValueError says why it is none."""

    @property
    def subject(self) -> str: ...
    @property
    def issuer(self) -> str: ...
    @property
    def serial(self) -> str: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def not_before(self) -> int: ...
    @property
    def not_after(self) -> int: ...
    def __init__(self, pem: bytes) -> None: ...

@final
class Scoreboard:
    """Shared anonymous memory, made by the master before it forks: one slot for each worker.

    A worker writes its own slot without a lock; the master reads all of them, and writes the
    number of a request there whose stack it wants.
    """

    RETIRE_CAUSES: dict[int, str]
    """Why workers ask to be replaced, by code: the same table as `supervisor.causes.BY_CODE`."""

    def __init__(self, slots: int, threads: int) -> None:
        """`slots` workers at the most, each with room to name what so many threads run.

        Requests that wait for a thread are named, too, up to 64 of each worker.
        """

    @property
    def slots(self) -> int: ...
    def reset(self, slot: int) -> None:
        """Empty a slot before a fork (master); its beat is set to now."""

    def claim(self, slot: int) -> None:
        """Write this process's id into the slot and beat once (worker, after fork)."""

    def vacate(self, slot: int) -> None:
        """The worker has ended (master): the others hand nothing over to it any more."""

    def set_loop_lag(self, slot: int, lag: float) -> None:
        """The event loop of a worker was so many seconds late lately."""

    def beat(self, slot: int) -> None:
        """A sign of life from a worker that does not run the engine."""

    def breakpoint_hook(self, slot: int, tell: Callable[[], None], usual: object) -> BreakpointHook:
        """A `sys.breakpointhook` for a worker: suspends `timeout`, calls `tell`, then `usual`."""

    def mark_ready(self, slot: int) -> None:
        """Say that the application is loaded."""

    def set_replaced(self, slot: int) -> None:
        """Say that the worker is about to be told to end while the server goes on: its clients that
        come again find another one, and WebSocket clients are told so (close code 1012)."""

    def retire(self, slot: int, code: int) -> None:
        """Ask to be replaced, with a key of `supervisor.causes.BY_CODE`; the first one stays."""

    def loading_before(self, slot: int) -> int:
        """How many of the workers in the slots before this one load the application."""

    def read(self, slot: int) -> WorkerSnapshot: ...
    def counts(self, slot: int) -> Counts:
        """What the worker has counted since its slot was emptied."""

    def left_lines(self, slot: int) -> bytes:
        """The access log lines that a worker which has ended did not write; they are there once."""

    def left_reading(self, slot: int) -> str | None:
        """The client that a worker which has ended was reading a request from that has no name."""

    def overdue(self, slot: int, told: int) -> list[Overdue]:
        """The requests over their time from number `told` on; the oldest may be forgotten."""

    def claim_overdue(self, slot: int, number: int) -> bool:
        """Whether the caller is the first to tell of overdue request `number`.

        Of requests without a thread of their own the worker should tell, else the master."""

    def ask(self, slot: int, request: int) -> None:
        """Ask for the stack of a request (master); a signal makes the worker look."""

    def take_asked(self, slot: int) -> int | None:
        """Take the question, to answer it (worker) or to withdraw it (master).

        None: there is none, or the other has it."""

    def ask_stack(self, slot: int, thread: int | None, number: int) -> bool:
        """Send signal `number` to a thread of the worker, or to its main thread; False: gone."""

@final
class BreakpointHook:
    """A `sys.breakpointhook` without a frame of its own: debuggers stop in its caller's."""

    def __call__(self, *args: object, **kwargs: object) -> object: ...

@final
class WebSocket:
    """`environ["licorne.websocket"]`: a WebSocket handshake that a WSGI application may accept, and
    the connection then (RFC 6455). An application that returns without accepting answers as ever;
    what one returns that has accepted is ignored, and the connection is closed with 1000.

    Calls wait: on a thread without the interpreter lock, on a greenlet while the others
    run. At the end they raise `licorne.errors.ConnectionClosed`.
    """

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """What the client offers, the preferred one first."""

    @property
    def closed(self) -> bool:
        """The end was told, or the application has returned."""

    def accept(
        self, subprotocol: str | None = None, headers: Iterable[tuple[str, str]] | None = None
    ) -> None:
        """Accept the handshake, with one of `subprotocols` and fields of the response.

        Raises ValueError for what cannot be said.
        """

    def receive(self) -> str | bytes:
        """Wait for the next message."""

    def __iter__(self) -> Iterator[str | bytes]: ...
    def __next__(self) -> str | bytes:
        """The next message, as long as there are some: the end raises StopIteration here."""

    def send(self, message: str | bytes | bytearray | memoryview, /) -> None:
        """Send a message; wait while the client reads slowly."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send the close frame; `receive` then tells of the client's answer. Nothing happens if the
        connection is closed, or closing. Raises ValueError for what a close frame cannot say."""

@final
class Exchange:
    """One request with its response, between the engine and the application."""

    @property
    def id(self) -> int | None:
        """Its number in its worker, as on the scoreboard; None when the response is complete."""

    def admitted(self) -> bool:
        """Whether the request, handed over some time ago, is still to be begun. False: it has
        waited for too long, or its client has left, and it has been answered."""

    @property
    def overdue(self) -> bool:
        """It is over its time, and its client has been answered."""

    @property
    def listener(self) -> int | None:
        """Which listener it came through, counted from 0; None when the response is complete."""

    @property
    def method(self) -> str: ...
    @property
    def uri(self) -> str:
        """The request target exactly as sent (RAW_URI)."""

    @property
    def path(self) -> str:
        """The percent-encoded path of the target."""

    def explain_proxy(self) -> str | None:
        """What was made of the forwarded headers, in one line; None if there are none."""

    @property
    def query(self) -> str: ...
    @property
    def version(self) -> tuple[int, int]:
        """The version whose rules the request follows."""

    @property
    def protocol(self) -> str:
        """The version as it was sent."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in upper case, values as latin-1 text, in the order received."""

    @property
    def scheme(self) -> str: ...
    @property
    def host(self) -> str | None:
        """The host that was asked for: of the target, of a trusted peer's word, or of Host."""

    @property
    def remote_addr(self) -> tuple[str, int] | str:
        """Address of the peer; the path (mostly empty) on a unix socket."""

    @property
    def proxy_protocol_info(self) -> dict[str, object] | None:
        """What the PROXY header of its connection says, by gunicorn's names."""

    @property
    def number(self) -> int:
        """The number of the request on its connection, from 1."""

    @property
    def chunked(self) -> bool:
        """The response body is sent in chunks; known when its head is."""

    @property
    def keep_alive(self) -> bool:
        """Another request may come on the connection."""

    def force_close(self) -> None:
        """Let no other request come on the connection after this one."""

    @property
    def environ(self) -> dict[str, object] | None:
        """The WSGI environ after `run_wsgi` began, for hooks and the access log."""

    @property
    def request_id(self) -> str | None:
        """The request's id while the application has it, if requests get ids."""

    @property
    def queue_time(self) -> float | None:
        """Seconds that the request waited for the application, if that is wanted."""

    @property
    def status(self) -> str:
        """`"200 OK"`; empty before `start_response`."""

    @property
    def response_headers(self) -> list[tuple[str, str]]: ...
    @property
    def sent(self) -> int:
        """Bytes of response body given to the connection."""

    @property
    def headers_sent(self) -> bool: ...
    def run_wsgi(self, app: WSGIApplication) -> None:
        """Call a WSGI application for this exchange and send what it answers (PEP 3333).

        Errors of the application are answered and logged; only `SystemExit` and
        `KeyboardInterrupt` come out, after the client has its answer.
        """

    def start_response(
        self,
        status: str,
        headers: Iterable[tuple[str, str]],
        exc_info: (
            tuple[type[BaseException], BaseException, TracebackType | None]
            | tuple[None, None, None]
            | None
        ) = None,
        /,
    ) -> object:
        """`start_response` of PEP 3333; the value is the `write` callable."""

    def write(self, data: bytes) -> None:
        """The `write()` callable of PEP 3333. BrokenPipeError when the client has gone."""

    def early_hints(self, headers: Iterable[tuple[str | bytes, str | bytes]]) -> None:
        """`wsgi.early_hints`: sends `103 Early Hints` (RFC 8297); nothing on HTTP/1.0."""

    def send_trailers(self, trailers: Iterable[tuple[str | bytes, str | bytes]]) -> None:
        """`gunicorn.http2.send_trailers`: trailer fields, sent behind the body."""

    @property
    def paused(self) -> bool:
        """`run_wsgi` has sent a part of the body, and its client reads slowly.

        Only on a loop that polls the engine without waiters (`EngineConfig.make_waiter`).
        """

    def resume(self) -> None:
        """Go on where `run_wsgi` or `resume` has paused, when there is room (`when_room`)."""

    def begin_pieces(self) -> None:
        """Begin with a request whose response will be given piece by piece, without waiting.

        For adapters of other interfaces than WSGI on a loop that polls the engine. `environ` is
        there from now on. What follows is `start_response`, any number of `send`, and exactly one
        of `finish`, `fail` and `abandon`; `id` is None after that.
        """

    def send(self, block: bytes, /) -> bool:
        """Give a block to the connection, which may be empty, behind the head.

        False: the client reads slowly, and there is no room for more now (`when_room`).
        BrokenPipeError: it has gone.
        """

    def finish(self, block: bytes, /) -> None:
        """Give the last block, which may be empty: the response is complete.

        With nothing sent before it, its length becomes the Content-Length if there is none.
        """

    def fail(self, error: BaseException, /) -> None:
        """The application has failed: logs it, answers 500 or ends a response that has begun."""

    def abandon(self) -> None:
        """The response will not be completed: end the connection without the rest of it.

        Nothing happens when it is complete. Closes the body of a request that is paused, and ends
        one whose connection was taken over.
        """

    def when_room(self, waiter: Woken, /) -> bool:
        """Have `waiter.wake()` called, once, when the client has read on, or has gone.

        False: it has already. The call comes in the middle of `Engine.turn`.
        """

    def when_disconnected(self, waiter: Woken, /) -> None:
        """Have `waiter.wake()` called, once, when the client sends no more.

        Most have gone then; one that has only said that this was its last request can still be
        answered. Nothing comes when the request has ended before. The call comes in the middle of
        `Engine.turn`.
        """

    def take_body(self) -> Input:
        """The body, for code that runs the application in its own way; once."""

    def take_over(self) -> tuple[int, bytes]:
        """Give the connection to the caller: a blocking descriptor of its own, and the bytes that
        were read beyond the request. ConnectionResetError when the client has gone."""

    def return_unbegun(self) -> None:
        """It is not begun: its client gets 503 when the engine is closed."""

@final
class WSGIResponse:
    """What `start_response` is bound to: the response by gunicorn's names."""

    def start_response(
        self,
        status: str,
        headers: Iterable[tuple[str, str]],
        exc_info: tuple[type[BaseException], BaseException, TracebackType]
        | tuple[None, None, None]
        | None = None,
    ) -> Callable[[bytes], None]:
        """`start_response` of PEP 3333; the value is the `write` callable."""

    @property
    def status(self) -> str | None:
        """Code and reason; None before `start_response`."""

    @property
    def status_code(self) -> int | None: ...
    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of the application; empty before `start_response`."""

    @property
    def headers_sent(self) -> bool: ...
    @property
    def sent(self) -> int:
        """Bytes of the body given to the connection so far."""

    @property
    def response_length(self) -> int | None:
        """The length that was announced, while the response is not complete."""

@final
class Input:
    """The request body of `wsgi.input`: complete, read like a file, never past its end."""

    def read(self, size: int | None = None) -> bytes: ...
    def readline(self, size: int | None = None) -> bytes: ...
    def readlines(self, size: int | None = None) -> list[bytes]: ...
    def readall(self) -> bytes: ...
    def read1(self, size: int | None = None) -> bytes: ...
    def readinto(self, buffer: WriteableBuffer) -> int: ...
    def readable(self) -> bool: ...
    def writable(self) -> bool: ...
    def seekable(self) -> bool: ...
    def isatty(self) -> bool: ...
    @property
    def closed(self) -> bool:
        """Never: the body goes with its request."""

    def flush(self) -> None: ...
    def close(self) -> None: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...

@final
class RecordedRequest:
    """A request that is over, as it is told to a collector of traces."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""

    @property
    def parent_id(self) -> str | None:
        """The span of the caller, 16 hexadecimal digits; None: the trace begins here."""

    @property
    def span_ids(self) -> tuple[str, str]:
        """Of the request, and of its time in the application."""

    @property
    def trace_state(self) -> str: ...
    @property
    def status(self) -> int:
        """The status code; 0 if the application has given none."""

    @property
    def sent(self) -> int:
        """Bytes of the response's body."""

    @property
    def moments_ns(self) -> tuple[int, int | None, int]:
        """When it was complete, when the application was called (None: never), and when it was
        answered: nanoseconds since 1970."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str:
        """As it was sent, cut to 1024 bytes like the other texts."""

    @property
    def query(self) -> str: ...
    @property
    def protocol(self) -> str:
        """`HTTP/1.1`"""

    @property
    def host(self) -> str:
        """Host, with the port if there is one."""

    @property
    def user_agent(self) -> str: ...
    @property
    def scheme(self) -> str: ...
    @property
    def peer(self) -> tuple[str, int] | None:
        """The other end of the connection; None on unix sockets."""

    @property
    def client(self) -> str | None:
        """The address of the client, as `client_address` finds it."""

@final
class Engine:
    """The reactor of one worker process. Made and used after the fork, never before."""

    #: Names of the attributes read from the configuration object.
    CONFIG_FIELDS: tuple[str, ...]

    def __init__(
        self,
        config: EngineConfig,
        listeners: Sequence[int],
        scoreboard: Scoreboard,
        slot: int,
        log: Log,
    ) -> None:
        """Take listening sockets by descriptor (the engine does not close them)."""

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to do; the engine's own."""

    def turn(self, inspected: bool, most: int | None, /) -> tuple[list[Exchange], float] | None:
        """For a loop that polls the engine: requests that are ready now, and the seconds until the
        next call at the latest. Never waits. None when the engine was stopped and nothing is left.

        `inspected`: Python code looks at the exchanges after their responses have left. `most`: no
        more than so many, any number with None; the others wait in the engine, which answers those
        that have waited for too long.
        """

    def take_ready(self, inspected: bool) -> Exchange | None:
        """A request that became complete with the answer before it; costs no turn."""

    @property
    def pending(self) -> bool:
        """Whether `turn` would find something that `fileno` does not tell of; to be asked after
        each request."""

    def late(self) -> bool:
        """Whether requests were found over their time since this was last asked."""

    def __iter__(self) -> Iterator[Exchange]: ...
    def __next__(self) -> Exchange:
        """The next request that is ready, waiting without the interpreter lock.

        Raises StopIteration when the engine was stopped and nothing is left to serve.
        """

    def serve(self, app: WSGIApplication) -> None:
        """`for exchange in self: exchange.run_wsgi(app)`, without a step of Python between."""

    def stop(self, grace: float) -> None:
        """Stop accepting, answer what was begun, give up after `grace` seconds. May be called
        from a signal handler and more than once (the shorter time wins)."""

    def take_recorded(self, most: int) -> tuple[list[RecordedRequest], int]:
        """Take the first of those that were recorded for traces (`EngineConfig.trace_share`).

        Also how many were dropped since the last call, because too many waited. Never waits.
        """

    @staticmethod
    def name_thread(name: str) -> None:
        """Name the calling thread for `top -H`, debuggers and profilers; the system cuts it."""

    def leave(self) -> None:
        """In a process that the application has forked: close the copies of its descriptors; from
        then on nothing happens here."""

    def abort(self) -> None:
        """Answer 504 for what is with the application: the process is about to end."""

    @property
    def stopping(self) -> bool: ...
    def close(self) -> None:
        """End the native thread and write out what is held back. The last call."""

    def access_log_reopened(self) -> None:
        """The access log's file was reopened: write to its new descriptor from now on."""

@final
class FirstStep:
    """Makes tasks on one loop and runs their first steps, where asyncio cannot (before 3.12).

    An attribute of the loop stands before its `call_soon` while a task is made.
    """

    def __init__(self, of: AbstractEventLoop, /) -> None: ...
    @property
    def hindered(self) -> bool:
        """Something else stands before `call_soon` already."""

    def __call__(
        self, coro: Coroutine[object, object, object], *, context: Context
    ) -> Task[object]:
        """In a callback of the running loop, outside of all tasks: the task of a coroutine.

        Its first step has been run in the context.
        """

class ClientDisconnected(OSError):  # noqa: N818 - uvicorn names it so
    """The client has closed the connection: what is sent to it reaches nothing (ASGI HTTP 2.4)."""

@final
class AsgiRequest:
    """A request that goes on after its first step."""

    @property
    def exchange(self) -> Exchange: ...
    @property
    def task(self) -> Task[object] | None:
        """The task that runs the application; None when it has ended."""

    @property
    def overdue(self) -> bool:
        """It is over its time, and its client has been answered."""

    def cancel(self) -> None:
        """Cancel its task, if that has not ended."""

    def ended(self, task: Task[object]) -> None:
        """Called by its task when that has ended."""

@final
class AsgiDriver:
    """Turns the engine for an asyncio loop, and begins the task of each request."""

    def __init__(self, engine: Engine, options: AsgiOptions) -> None: ...
    @property
    def unfinished(self) -> dict[int, AsgiRequest]:
        """Requests that go on after their first step, by their numbers."""

    def turn(self, inspected: bool) -> float | None:
        """Begin the requests that are ready, and tell those that wait.

        Seconds until the next call at the latest; None when there will be no more requests.
        `inspected`: hooks look at them. Never waits.
        """

    def round(self) -> None:
        """Write what was held back in a round of the loop, and begin pipelined requests."""

    def open(self) -> None:
        """Have `round` called after each round of the loop with output."""

    def close(self) -> None:
        """The loop is about to end."""

def tls_key(pem: bytes, password: bytes | None) -> bytes:
    """The private key of a PEM file in PKCS #8; a ValueError says why there is none."""

def self_signed(names: list[str], days: int) -> tuple[bytes, bytes]:
    """A certificate that no authority has signed, in PEM, and its key in PKCS #8."""
