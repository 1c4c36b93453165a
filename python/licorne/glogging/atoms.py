"""The values that an access line may name, from a request, its response and its environ."""

# ruff: noqa: PLC0415 - base64 only for requests with credentials

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta
    from typing import Protocol

    Headers = Iterable[tuple[str, object]]

    class ResponseLike(Protocol):
        """What is used of a response."""

        @property
        def status(self) -> str | int | bytes: ...
        @property
        def headers(self) -> Headers: ...
        @property
        def sent(self) -> int | None: ...

    class RequestLike(Protocol):
        """What is used of a request."""

        @property
        def headers(self) -> Headers: ...


_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), 127)} | {ord('"'): '\\"'}


class SafeAtoms(dict[str, object]):
    """Atoms for %-formatting: names in braces in any case, `-` for what is missing."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__()
        for name, value in values.items():
            # A quote inside a value must not end the quoted field it stands in, nor a decoded
            # line end the line.
            self[name] = value.translate(_ESCAPES) if isinstance(value, str) else value

    def __getitem__(self, name: str) -> object:
        key = name.lower() if name.startswith("{") else name
        return super().__getitem__(key) if key in self else "-"


def atoms(
    resp: ResponseLike,
    req: RequestLike,
    environ: Mapping[str, object],
    request_time: timedelta,
) -> dict[str, object]:
    """The atoms of gunicorn's access log; time and user are told by methods of the logger."""
    took = micros(request_time)
    sent = getattr(resp, "sent", None)
    waited = environ.get("licorne.queue_time")
    values: dict[str, object] = {
        "h": environ.get("REMOTE_ADDR") or "-",
        "l": "-",
        "r": " ".join(map(str, request_line(environ))),
        "s": status_code(resp.status),
        "m": environ.get("REQUEST_METHOD"),
        "U": environ.get("PATH_INFO"),
        "q": environ.get("QUERY_STRING"),
        "H": environ.get("SERVER_PROTOCOL"),
        "b": "-" if sent is None else str(sent),
        "B": sent,
        "f": environ.get("HTTP_REFERER", "-"),
        "a": environ.get("HTTP_USER_AGENT", "-"),
        "T": took // 10**6,
        "D": took,
        "M": took // 1000,
        "L": f"{took // 10**6}.{took % 10**6:06d}",
        "p": f"<{os.getpid()}>",
        "{request_id}x": environ.get("licorne.request_id") or "-",
        "{queue_time}x": "-" if waited is None else f"{waited:.6f}",
    }
    values.update((f"{{{name.lower()}}}i", value) for name, value in _pairs(req.headers))
    values.update((f"{{{name.lower()}}}o", value) for name, value in _pairs(resp.headers))
    values.update((f"{{{name.lower()}}}e", value) for name, value in environ.items())
    return values


def _pairs(headers: Headers) -> Headers:
    """Names and values; workers of others have them as a mapping."""
    return headers.items() if isinstance(headers, dict) else headers


def micros(duration: timedelta) -> int:
    """Whole microseconds from the parts: the total would lose some in a float."""
    return (duration.days * 86400 + duration.seconds) * 10**6 + duration.microseconds


def request_line(environ: Mapping[str, object]) -> tuple[object, object, object]:
    """Method, target and protocol as the client sent them."""
    names = ("REQUEST_METHOD", "RAW_URI", "SERVER_PROTOCOL")
    method, target, protocol = map(environ.get, names)
    return method, target, protocol


def status_code(status: str | int | bytes) -> str:
    """The three digits of a status."""
    if isinstance(status, bytes):
        status = status.decode("latin-1")
    return status.split(None, 1)[0] if isinstance(status, str) and status else str(status)


def basic_user(authorization: object) -> str | None:
    """The user's name in an Authorization header of the Basic scheme (RFC 7617)."""
    if not isinstance(authorization, str) or not authorization.lower().startswith("basic"):
        return None
    import base64
    import binascii

    _, _, credentials = authorization.strip().partition(" ")
    try:
        decoded = base64.b64decode(credentials.strip().encode("utf-8"), validate=True)
        user, _, _ = decoded.decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user
