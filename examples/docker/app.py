"""A page, an upload and a slow answer, to try a container with."""

import os
import time

from flask import Flask, request

app = Flask(__name__)


@app.get("/")
def index() -> dict[str, int]:
    """Which process and user answer."""
    return {"pid": os.getpid(), "parent": os.getppid(), "user": os.getuid(), "group": os.getgid()}


@app.post("/upload")
def upload() -> dict[str, int]:
    """The length of a body, however large: what memory has no room for is in a temporary file."""
    length = 0
    while block := request.stream.read(1 << 16):
        length += len(block)
    return {"length": length}


@app.get("/slow")
def slow() -> dict[str, bool]:
    """An answer that takes a while."""
    time.sleep(1)
    return {"slow": True}
