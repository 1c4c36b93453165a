"""`--spew`: every line of Python that is run, on standard output (gunicorn's `debug` module)."""

from __future__ import annotations

import linecache
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from types import FrameType

__all__ = ["Spew", "spew", "unspew"]


class Spew:
    """A trace function; `trace_names` limits it to these modules."""

    def __init__(self, trace_names: Container[str] | None = None, show_values: bool = True) -> None:
        self.trace_names = trace_names
        self.show_values = show_values

    def __call__(self, frame: FrameType, event: str, _arg: object) -> Spew:
        """Print the line that is about to be run, and the values that it names."""
        if event == "line":
            module = str(frame.f_globals.get("__name__", "[unknown]"))
            if self.trace_names is None or module in self.trace_names:
                self._show(module, frame)
        return self

    def _show(self, module: str, frame: FrameType) -> None:
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).rstrip()
        print(f"{module}:{frame.f_lineno}: {line}")
        if self.show_values:
            # Only what the code itself names: repr of more would run more code.
            known = {**frame.f_globals, **frame.f_locals}
            named = [name for name in frame.f_code.co_varnames if name in known and name in line]
            if named:
                print("", *(f"{name}={known[name]!r}" for name in named), sep="\t")


def spew(trace_names: Container[str] | None = None, show_values: bool = False) -> None:
    """Trace this thread and the threads that will be started."""
    trace = Spew(trace_names, show_values)
    threading.settrace(trace)
    sys.settrace(trace)


def unspew() -> None:
    """Stop tracing."""
    threading.settrace(None)  # as the manual says
    sys.settrace(None)
