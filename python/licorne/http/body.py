"""A request body that is read as it comes, by gunicorn's names: for `RequestParser`.

Where it ends is its reader's affair (`licorne.http.reading`). Workers on the engine have bodies
that are complete (`licorne._engine.Input`).
"""

from __future__ import annotations

import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Reader(Protocol):
        """Where a body comes from."""

        def read(self, size: int, /) -> bytes: ...


class Body(io.BufferedReader):
    """The body as a file."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._source = _Source(reader)
        super().__init__(self._source)

    @property
    def failed(self) -> bool:
        """Reading it has raised: where the next request begins is not known."""
        return self._source.failed


class _Source(io.RawIOBase):
    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.failed = False
        self._reader = reader

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read once."""
        try:
            data = self._reader.read(len(buffer))
        except BaseException:
            self.failed = True
            raise
        buffer[: len(data)] = data
        return len(data)
