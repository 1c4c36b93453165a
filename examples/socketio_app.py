"""Flask-SocketIO on application threads: messages to all clients, over WebSockets or long polling.

licorne -k gthread --threads 100 examples.socketio_app:app

One worker: the conversation of a client that polls has a state, which lives in one process.
"""

from __future__ import annotations

import os

from flask import Flask
from flask_socketio import SocketIO, emit

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY", "only good enough for an example")
socketio = SocketIO(app, async_mode="threading")


@app.get("/")
def index() -> str:
    """Say where the conversation is."""
    return "Connect with a Socket.IO client, and emit 'say'.\n"


@socketio.on("say")
def say(text: str) -> str:
    """Tell all clients; the value is the acknowledgement for the sender."""
    emit("said", text, broadcast=True)
    return "told"
