"""What the tests of PROXY, uwsgi and FastCGI share: worker types, and what applications tell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from e2e.conftest import WORKERS

if TYPE_CHECKING:
    from e2e.client import Client, Response

#: The worker types, with what each serves of apps/fronted_app.py.
KINDS = {
    **{name: ("fronted_app:app", *args) for name, args in WORKERS.items()},
    "asgi": ("fronted_app:asgi", "-k", "asgi"),
}
#: What apps/fronted_app.py sends for /file, and eight times for /blocks.
BLOCK = bytes(range(256)) * 1024
every_kind = pytest.mark.parametrize("kind", list(KINDS))


def told(response: Response) -> dict[str, str]:
    """What apps/fronted_app.py has told of a request."""
    assert response.status == 200, response
    said: dict[str, str] = json.loads(response.body)
    return said


def ask(client: Client, path: str = "/", *fields: str) -> dict[str, str]:
    """The same of one GET."""
    client.get(path, *fields)
    return told(client.response())
