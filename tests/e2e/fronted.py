"""What the tests of PROXY, uwsgi and FastCGI share: worker types, and what applications tell."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
import requests

from e2e.conftest import WORKERS
from patience import PATIENCE

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


def bodies_and_answers(url: str) -> None:
    """What goes in and comes out through a web server at this address."""
    body = bytes(range(256)) * 4000
    answer = requests.post(f"{url}/", data=body, timeout=PATIENCE).json()
    digest = hashlib.sha256(body).hexdigest()
    assert (answer["digest"], answer["length"]) == (digest, str(len(body)))
    answered = requests.get(f"{url}/blocks", timeout=PATIENCE)
    assert answered.content == BLOCK * 8
    assert requests.get(f"{url}/file", timeout=PATIENCE).content == BLOCK
    assert requests.get(f"{url}/empty", timeout=PATIENCE).status_code == 204
    answered = requests.head(f"{url}/", timeout=PATIENCE)
    assert (answered.status_code, answered.content) == (200, b"")
    assert answered.headers["X-Told"] == "yes"
    assert requests.get(f"{url}/fail", timeout=PATIENCE).status_code == 500
