"""The kinds of worker. `SUPPORTED_WORKERS` maps what `-k` understands to a class path."""

from licorne.config.classes import WORKER_ALIASES

SUPPORTED_WORKERS = WORKER_ALIASES
