"""Flask and Django as people use them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from e2e.server import Server
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def flask(args: tuple[str, ...], sites: dict[str, Server]) -> Server:
    """The Flask site."""
    return running(sites, "flask_site:app", args)


@pytest.fixture
def django(args: tuple[str, ...], sites: dict[str, Server]) -> Server:
    """The Django site."""
    return running(sites, "django_site", args)


def running(sites: dict[str, Server], app: str, args: tuple[str, ...]) -> Server:
    """The shared server of this application under this worker type."""
    name = " ".join([app, *args])
    if name not in sites:
        sites[name] = Server(app, *args)
    return sites[name]


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    """A client with a cookie jar and kept connections."""
    with requests.Session() as session:
        yield session


def test_flask_query(flask: Server, browser: requests.Session) -> None:
    asked = {"name": "J\u00f6rg & Co", "empty": ""}
    assert browser.get(f"{flask.url}/args", params=asked, timeout=PATIENCE).json() == asked


def test_flask_session(flask: Server, browser: requests.Session) -> None:
    seen = [browser.get(f"{flask.url}/visits", timeout=PATIENCE).json() for _ in range(3)]
    assert seen == [1, 2, 3]


def test_flask_sets_several_cookies(flask: Server, browser: requests.Session) -> None:
    browser.get(f"{flask.url}/cookies", timeout=PATIENCE)
    assert browser.cookies.get_dict() == {"a": "a-value", "b": "b-value", "c": "c-value"}


def test_flask_form_with_file(flask: Server, browser: requests.Session) -> None:
    answer = browser.post(
        f"{flask.url}/form",
        data={"field": "value"},
        files={"file": ("a.bin", b"x" * 2_000_000)},
        timeout=PATIENCE,
    )
    assert answer.json() == {"field": "value", "name": "a.bin", "size": 2_000_000}


def test_flask_stream(flask: Server, browser: requests.Session) -> None:
    with browser.get(f"{flask.url}/stream", stream=True, timeout=PATIENCE) as answer:
        assert list(answer.iter_lines()) == [str(n).encode() for n in range(100)]
    flask.log.wait_for("app: teardown /stream")


def test_flask_file_range_and_condition(flask: Server, browser: requests.Session) -> None:
    url = f"{flask.url}/file"
    whole = browser.get(url, timeout=PATIENCE)
    assert whole.content == (Path(__file__).with_name("apps") / "flask_site.py").read_bytes()
    part = browser.get(url, headers={"Range": "bytes=3-9"}, timeout=PATIENCE)
    assert (part.status_code, part.content) == (206, whole.content[3:10])
    same = browser.get(url, headers={"If-None-Match": whole.headers["ETag"]}, timeout=PATIENCE)
    assert (same.status_code, same.content) == (304, b"")


def test_flask_not_found_and_method_not_allowed(flask: Server, browser: requests.Session) -> None:
    assert browser.get(f"{flask.url}/nowhere", timeout=PATIENCE).status_code == 404
    assert browser.post(f"{flask.url}/args", timeout=PATIENCE).status_code == 405
    assert browser.head(f"{flask.url}/args", timeout=PATIENCE).status_code == 200


def test_django_page(django: Server, browser: requests.Session) -> None:
    answer = browser.get(f"{django.url}/?name=Ada", timeout=PATIENCE)
    assert (answer.status_code, answer.text) == (200, "Hello, Ada!\n")


def test_django_session(django: Server, browser: requests.Session) -> None:
    seen = [
        browser.get(f"{django.url}/visits/", timeout=PATIENCE).json()["visits"] for _ in range(3)
    ]
    assert seen == [1, 2, 3]


def test_django_redirects_to_the_slash(django: Server, browser: requests.Session) -> None:
    answer = browser.get(f"{django.url}/visits", timeout=PATIENCE)
    assert [step.status_code for step in answer.history] == [301]


@pytest.mark.parametrize("path", ["/", "/countdown/", "/source/"])
def test_django_is_told_that_the_request_is_over(
    django: Server, browser: requests.Session, path: str
) -> None:
    before = len(django.log.matching("app: request finished"))
    answer = browser.get(django.url + path, timeout=PATIENCE)
    assert answer.status_code == 200
    assert answer.content
    django.log.wait_for("app: request finished", before + 1)


def test_django_streams(django: Server, browser: requests.Session) -> None:
    answer = browser.get(f"{django.url}/countdown/", timeout=PATIENCE)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.text.split() == [str(n) for n in range(10, 0, -1)]


def test_django_sends_files(django: Server, browser: requests.Session) -> None:
    answer = browser.get(f"{django.url}/source/", timeout=PATIENCE)
    source = EXAMPLES / "django_app" / "greetings" / "views.py"
    assert answer.content == source.read_bytes()
    assert answer.headers["Content-Length"] == str(source.stat().st_size)
