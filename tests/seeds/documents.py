"""Every command and listing of the documents: run by a test, or not, and then why.

A test says with `shows` which entries it runs; `test_documents.py` compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

PYTHON_HEADERS = "wheels need neither compiler nor headers"
NO_EASY_INSTALL = "easy_install is gone; pip installs the extras [gevent], [eventlet]"
DJANGOS_SOURCE = "an excerpt of Django's source, which is tried by the test of runserver"


@dataclass(frozen=True)
class Document:
    """One document: its title in English, what is run of it, and what is not."""

    title: str
    run: frozenset[str]
    not_run: dict[str, str]


DOCUMENTS = {
    "test_request_analysis": Document(
        "Gunicorn (gevent) and Django: how an HTTP request is handled, part 1",
        frozenset({
            "Gunicorn (gevent) and Django",
            "pip install gunicorn",
            "the gunicorn script, and setup.py's entry point",
            "class WSGIApplication",
            "def run()",
            "class Application",
            "nginx: server { … }",
            "gunicorn_config.py",
            "settings.py: INSTALLED_APPS",
            "urls.py: api/",
            "views.py: HelloWorldView",
            "urls.py: api/hello/",
            "gunicorn myproject.wsgi:application -c gunicorn_config.py",
            "http://yourdomain.com/api/hello/",
        }),
        {
            "pip install django djangorestframework": "both come with the extra [test]",
        },
    ),
    "test_introduction": Document(
        "gunicorn: introduction, architecture, installation and configuration",
        frozenset({
            "TTIN, TTOU, CHLD",
            "python setup.py install",
            "gunicorn, gunicorn_django, gunicorn_paster",
            "start_response(…); return iter([data])",
            "gunicorn_django [OPTIONS] [SETTINGS_PATH]",
            "django_admin.py startproject mysite",
            "gunicorn -h",
            "4 workers on 127.0.0.1:8000",
            "config.py",
            "worker_class = eventlet",
            "a configuration file and flags together",
            "for s in self.sockets: pool = Pool(…)",
            "def do_handle",
            "def handle",
        }),
        {
            "git clone": "the tests run in the source tree",
            "easy_install or pip install gunicorn": NO_EASY_INSTALL,
            "easy_install -U greenlet eventlet gevent": NO_EASY_INSTALL,
            "apt-get install python-dev": PYTHON_HEADERS,
            "libevent 1.4 or 2.0.4": "gevent brings its own event loop",
            "pip install flask": "Flask comes with the extra [test]",
            "kinds of proxies": "names of other programs, without a command",
        },
    ),
    "test_reading_the_code": Document(
        "Running gunicorn from its source, and following it with pdb",
        frozenset({
            "cd gunicorn/gunicorn",
            "the tree",
            "app/wsgiapp.py, arbiter.py, http/, workers/",
            "app.py",
            "print 'Started'",
            "python wsgiapp.py app:app",
            "four lines of the log",
            "python -m pdb wsgiapp.py app:app",
        }),
        {
            "https://github.com/benoitc/gunicorn": "the source that is read is licorne's",
        },
    ),
    "test_django_serving": Document(
        "How Django is served: runserver, and a WSGI server",
        frozenset({
            "python manage.py runserver",
            "class WSGIHandler",
            "demo_project/wsgi.py",
        }),
        {
            "django.core.servers.basehttp.run": DJANGOS_SOURCE,
            "get_handler": DJANGOS_SOURCE,
        },
    ),
    "test_study_notes": Document(
        "gunicorn: study notes",
        frozenset({
            "gunicorn -w 4 myapp:app",
            'gunicorn "myproject:create_app()"',
            "gunicorn.error, gunicorn.access, gunicorn.http",
            "the logging recipe",
            "kill -HUP masterpid",
            "the call chain",
            "def import_app",
            "the examples folder",
        }),
        {},
    ),
}  # fmt: skip

#: What the tests of each module run, as they say themselves.
SHOWN: dict[str, set[str]] = {}
Test = TypeVar("Test", bound="Callable[..., None]")


def shows(*entries: str) -> Callable[[Test], Test]:
    """Say which entries of its document a test runs."""

    def mark(test: Test) -> Test:
        SHOWN.setdefault(test.__module__.rpartition(".")[2], set()).update(entries)
        return test

    return mark
