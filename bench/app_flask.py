"""Flask's hello: what a framework costs on top of the server."""

from __future__ import annotations

from flask import Flask, Response

application = Flask(__name__)
#: One for each response to `/closed` that the server has closed.
CLOSED: list[None] = []


@application.get("/")
def hello() -> str:
    """Answer the greeting."""
    return "Hello, World!"


@application.get("/closed")
def closed() -> Response:
    """Answer how many of its responses were closed, as PEP 3333 demands."""
    response = Response(str(len(CLOSED)))
    response.call_on_close(lambda: CLOSED.append(None))
    return response
