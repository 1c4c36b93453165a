"""What the process is and what it was given, with nothing loaded for the sake of telling it."""

import os
import sys
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    StartResponse = Callable[..., Callable[[bytes], object]]
    Send = Callable[[dict[str, object]], Awaitable[None]]


def state() -> dict[str, object]:
    """By what it is about."""
    with open("/proc/self/status", encoding="ascii") as status:
        signals = [line for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]
    main = vars(sys.modules["__main__"])
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return {
        "modules": sorted(sys.modules),
        "main module": (sorted(main), main["__file__"], main["__spec__"].name),
        "words": (sys.argv, sys.orig_argv),
        "interpreter": (sys.path, tuple(sys.flags), [str(each) for each in warnings.filters]),
        "environment": {**os.environ, "XDG_RUNTIME_DIR": ""},
        "folder": os.getcwd(),
        "session": (os.getsid(0) == os.getppid(), os.getpgid(0) == os.getppid()),
        "signals": signals,
        "descriptors": descriptors(),
        "streams": [(each.encoding, each.errors, each.seekable()) for each in streams],
        "buffers": [(each.line_buffering, each.write_through) for each in streams],
    }


def descriptors() -> dict[str, str]:
    """What each that is open refers to, without what is numbered."""
    kinds = {}
    for number in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            name = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue  # That of the list.
        kinds[number] = name.partition("[")[0].partition("/lc")[0]
    return kinds


def app(_environ: dict[str, object], start_response: "StartResponse") -> "Iterable[bytes]":
    """For WSGI."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(state()).encode()]


async def asgi_app(_scope: object, _receive: object, send: "Send") -> None:
    """For ASGI."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": repr(state()).encode()})
