"""The corpus as typed values: one place that knows the schema of `h1/*.toml`.

The same files are read by `crates/proto/tests/corpus.rs`. In texts one character is one byte.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).with_name("h1")
#: The flags that do not follow from the setting's name: gunicorn spelled them so.
ODD_FLAGS = {
    "limit_request_field_size": "--limit-request-field_size",
    "proxy_allow_ips": "--proxy-allow-from",
}


@dataclass(frozen=True)
class Expected:
    """What the application must see of a request; None is not compared."""

    method: str
    target: str
    path: str | None = None
    query: str | None = None
    authority: str | None = None
    version: str | None = None
    headers: tuple[tuple[str, str], ...] | None = None
    body: str | None = None
    body_length: int | None = None
    content_length: int | None = None
    chunked: bool | None = None
    keep_alive: bool | None = None
    expect_continue: bool | None = None
    upgrade: bool | None = None
    https: bool | None = None
    client: str | None = None
    host: str | None = None
    complete: bool = True


@dataclass(frozen=True)
class Case:
    """Some bytes, and what has to come of them."""

    file: str
    name: str
    policy: tuple[tuple[str, object], ...]
    input: bytes
    eof: bool
    requests: tuple[Expected, ...]
    reject: str | None
    status: int | None

    @property
    def args(self) -> tuple[str, ...]:
        """The policy as arguments of a command line."""
        return tuple(part for name, value in self.policy for part in _flag(name, value))

    @property
    def closes(self) -> bool:
        """Whether the server must end the connection by itself."""
        last = self.requests[-1] if self.requests else None
        return (
            self.reject is not None or self.eof or (last is not None and last.keep_alive is False)
        )


def load() -> list[Case]:
    """All cases, file by file."""
    return [
        _case(path.stem, table)
        for path in sorted(FOLDER.glob("*.toml"))
        for table in tomllib.loads(path.read_text("utf-8"))["case"]
    ]


def _case(file: str, table: Mapping[str, object]) -> Case:
    requests = table.get("requests", [])
    policy = table.get("policy", {})
    reject, status = table.get("reject"), table.get("status")
    assert isinstance(requests, list)
    assert isinstance(policy, dict)
    assert reject is None or isinstance(reject, str)
    assert status is None or isinstance(status, int)
    return Case(
        file=file,
        name=str(table["name"]),
        policy=tuple(policy.items()),
        input=_input(table["input"]),
        eof=bool(table.get("eof", False)),
        requests=tuple(_expected(request) for request in requests),
        reject=reject,
        status=status,
    )


def _expected(table: dict[str, object]) -> Expected:
    values = dict(table)
    headers = values.pop("headers", None)
    if headers is not None:
        assert isinstance(headers, list)
        values["headers"] = tuple((name, value) for name, value in headers)
    return Expected(**values)  # type: ignore[arg-type]  # checked by the Rust reader's schema


def _input(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("latin-1")
    assert isinstance(value, list)
    return "".join(_part(part) for part in value).encode("latin-1")


def _part(part: str | Mapping[str, str | int]) -> str:
    if isinstance(part, str):
        return part
    return str(part["repeat"]) * int(part["times"])


def _flag(name: str, value: object) -> tuple[str, ...]:
    flag = ODD_FLAGS.get(name, "--" + name.replace("_", "-"))
    if value is True:
        return (flag,)
    return (flag, str(value))
