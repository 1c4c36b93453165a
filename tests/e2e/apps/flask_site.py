"""A Flask site that uses what frameworks use: session, cookies, stream, file, errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, Response, jsonify, make_response, request, send_file, session

if TYPE_CHECKING:
    from collections.abc import Iterator

app = Flask(__name__)
app.secret_key = "only for tests"


@app.get("/args")
def args() -> Response:
    """The query."""
    return jsonify(request.args.to_dict())


@app.get("/visits")
def visits() -> Response:
    """A counter in the session."""
    session["visits"] = session.get("visits", 0) + 1
    return jsonify(session["visits"])


@app.get("/cookies")
def cookies() -> Response:
    """Three cookies at once."""
    response = make_response("cookies")
    for name in "abc":
        response.set_cookie(name, f"{name}-value", path="/")
    return response


@app.post("/form")
def form() -> Response:
    """A form with a file."""
    upload = request.files["file"]
    return jsonify(field=request.form["field"], name=upload.filename, size=len(upload.read()))


@app.get("/stream")
def stream() -> Response:
    """A generator."""

    def numbers() -> Iterator[str]:
        for number in range(100):
            yield f"{number}\n"

    return Response(numbers(), content_type="text/plain")


@app.get("/file")
def file() -> Response:
    """This file, with conditional and range requests."""
    return send_file(Path(__file__), mimetype="text/plain", conditional=True)


@app.teardown_request
def tell(_error: BaseException | None) -> None:
    """Tell the test that the request was torn down."""
    sys.stderr.write(f"app: teardown {request.path}\n")
