"""A small Flask site: a page, JSON, a query, a session that counts visits.

licorne --chdir examples/flask_app -w 2 app:app
"""

from __future__ import annotations

import os

from flask import Flask, Response, jsonify, request, session

app = Flask(__name__)
# Signs the session cookie. All workers must agree on it: set SECRET_KEY where it matters.
app.secret_key = os.environ.get("SECRET_KEY", "only good enough for an example")


@app.get("/")
def index() -> str:
    """Greet, and show where the request came from."""
    return f"<h1>Hello from Flask</h1><p>worker {os.getpid()}, client {request.remote_addr}</p>\n"


@app.get("/hello")
def hello() -> Response:
    """Greet by name: /hello?name=Ada."""
    return jsonify(message=f"Hello, {request.args.get('name', 'World')}!")


@app.get("/visits")
def visits() -> Response:
    """Count the visits of one browser in its session."""
    session["visits"] = session.get("visits", 0) + 1
    return jsonify(visits=session["visits"])


@app.post("/echo")
def echo() -> Response:
    """Send the request's body back with its type."""
    return Response(request.get_data(), content_type=request.content_type)
