"""The logs as one JSON object a line (`--log-format json`): error and access log in one schema.

`crates/net/src/access_log.rs` writes the same access lines while the access log is unchanged.
Whatever bytes a client sends, a line is valid JSON: text that is UTF-8 as such, other as latin-1.
"""

from __future__ import annotations

import json
import logging
import math
import time

from licorne.glogging.atoms import micros, request_line, status_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from licorne.glogging.atoms import ResponseLike

#: What every record has: anything else was given by the caller (`extra`).
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object; `prefix` is for what is written in front of it (syslog)."""

    def __init__(self, prefix: str = "", worker: int | None = None) -> None:
        super().__init__()
        self._prefix = prefix
        self.worker = worker

    def format(self, record: logging.LogRecord) -> str:
        """The line of one record."""
        fields = self._fields(record)
        return self._prefix + json.dumps(fields, default=str)

    def _fields(self, record: logging.LogRecord) -> dict[str, object]:
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        access = extra.pop("access", None)
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, object] = {
            "timestamp": f"{second}.{int(record.created * 1000) % 1000:03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
        }
        if self.worker is not None:
            fields["worker"] = self.worker
        if isinstance(access, dict):
            return fields | access
        fields["message"] = _clean(record.getMessage())
        fields |= {_clean(key): _plain(value) for key, value in extra.items() if key not in fields}
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            fields["traceback"] = _clean(record.exc_text)
        if record.stack_info:
            fields["stack"] = _clean(self.formatStack(record.stack_info))
        return fields


def access_fields(
    resp: ResponseLike, environ: Mapping[str, object], request_time: timedelta
) -> dict[str, object]:
    """What the access log says of a request."""
    status = status_code(resp.status)
    line = map(_decoded, request_line(environ))
    return {
        "message": " ".join(line),
        "method": _text(environ.get("REQUEST_METHOD")),
        "path": _decoded(environ.get("SCRIPT_NAME", "")) + _decoded(environ.get("PATH_INFO", "")),
        "query": _text(environ.get("QUERY_STRING")),
        "protocol": _text(environ.get("SERVER_PROTOCOL")),
        "status": int(status) if status.isdigit() else 0,
        "bytes": getattr(resp, "sent", None) or 0,
        "duration": micros(request_time) / 10**6,
        "queue_time": environ.get("licorne.queue_time"),
        "peer": _text(environ.get("REMOTE_ADDR")),
        "referer": _text(environ.get("HTTP_REFERER")),
        "user_agent": _text(environ.get("HTTP_USER_AGENT")),
        "request_id": environ.get("licorne.request_id"),
    }


def _text(value: object) -> str | None:
    """The text of an environ's value, or None for nothing."""
    return None if value is None else _decoded(value) or None


def _decoded(value: object) -> str:
    """Text of an environ: bytes as latin-1, that mostly were UTF-8."""
    text = str(value)
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return _clean(text)


def _clean(text: str) -> str:
    """The text without halves of surrogate pairs, which many readers of JSON refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _plain(value: object) -> object:
    """A value as JSON has it; anything else as its text."""
    if isinstance(value, str):
        return _clean(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (dict, list, tuple)):
        try:
            json.dumps(value, allow_nan=False)
        except (RecursionError, TypeError, ValueError):
            return _clean(str(value))
        return value
    return _clean(str(value))
