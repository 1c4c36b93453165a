"""Each worker says on standard output that it serves."""

import os


def post_worker_init(_worker: object) -> None:
    """Called when the application is loaded: from now on the worker obeys TERM by itself."""
    os.write(1, f"worker ready {os.getpid()}\n".encode())
