"""Tell the test what Django's signals say, and what they have done by then."""

import sys
import threading

from django.apps import AppConfig
from django.core.signals import request_finished, request_started
from django.db import connections


class NotesConfig(AppConfig):
    """Listens to signals, after Django itself (`close_old_connections`)."""

    name = "notes"

    def ready(self):
        request_started.connect(started)
        request_finished.connect(finished)


class Here(threading.local):
    """What the thread, or greenlet, has begun."""

    tag = "nothing"


HERE = Here()


def started(environ=None, scope=None, **_signal):
    """The query of a request, up to the first &, is its name here; WSGI or ASGI tells it."""
    query = scope["query_string"].decode() if environ is None else environ["QUERY_STRING"]
    HERE.tag = query.partition("&")[0] or "nothing"
    tell("started", HERE.tag)


def finished(**_signal):
    """The same thread ends it, or its connection to the database would stay open."""
    closed = connections["default"].connection is None
    tell("finished", HERE.tag, "closed" if closed else "open")
    HERE.tag = "nothing"


def tell(*words):
    """One line on standard error, whole also when several threads write.

    Not by `os.write`, which of eventlet's greenlets only one may call at a time.
    """
    sys.stderr.write(" ".join(["app:", *map(str, words)]) + "\n")
