"""The sync worker: one request at a time, in the main thread."""

from __future__ import annotations

from licorne.workers.engine import EngineWorker


class SyncWorker(EngineWorker):
    """One request at a time. Slow clients cost it nothing: bodies are read and responses written
    by the engine; only the application keeps it busy, and then `timeout` bounds the request."""
