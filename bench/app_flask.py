"""Flask's hello: what a framework costs on top of the server."""

from __future__ import annotations

from flask import Flask

application = Flask(__name__)


@application.get("/")
def hello() -> str:
    """Answer the greeting."""
    return "Hello, World!"
