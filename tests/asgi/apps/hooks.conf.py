"""Hooks that tell."""

import os


def pre_request(worker, req):  # noqa: ANN001, ANN201
    """Before each request."""
    del worker
    os.write(2, f"HOOK pre {req.method} {req.path} {req.query}\n".encode())


def post_request(worker, req, environ, resp):  # noqa: ANN001, ANN201
    """After each request."""
    del worker, environ
    os.write(2, f"HOOK post {req.method} {req.path} {resp.status}\n".encode())
