"""For the applications here, and for their tests."""

from __future__ import annotations

import signal

#: A worker that gets it frees what lies in cycles of a framework's own objects.
COLLECT = signal.SIGRTMIN + 5
