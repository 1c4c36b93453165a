"""A Django project with a database, admin pages and an API, under each worker type."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import requests

from e2e.django_project import PASSWORD, PROJECT, USER, Watch, made
from e2e.server import Server, open_gate
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.server import Serve

CONTENT = bytes(range(256)) * 20_000
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the data of all servers here is: a database with a superuser, and a file."""
    variables = made(tmp_path_factory)
    Path(variables["PROJECT_DATA"], "file.bin").write_bytes(CONTENT)
    return variables


@pytest.fixture
def django(
    worker: str, args: tuple[str, ...], sites: dict[str, Server], environment: dict[str, str]
) -> Server:
    """`licorne demo_project.wsgi`, started in the folder of manage.py."""
    name = f"django project {worker}"
    if name not in sites:
        sites[name] = Server("demo_project.wsgi", *args, cwd=PROJECT, environment=environment)
        # Two views raise.
        sites[name].tolerates_tracebacks = True
    return sites[name]


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    """A client with a cookie jar and kept connections."""
    with requests.Session() as session:
        yield session


def token(browser: requests.Session, url: str) -> str:
    """The CSRF token in a page."""
    found = TOKEN.search(browser.get(url, timeout=PATIENCE).text)
    assert found is not None
    return found[1]


def log_in(browser: requests.Session, url: str) -> requests.Response:
    """Through the form of the admin pages."""
    form = {"username": USER, "password": PASSWORD, "next": "/admin/"}
    form["csrfmiddlewaretoken"] = token(browser, f"{url}/admin/login/")
    return browser.post(f"{url}/admin/login/", form, timeout=PATIENCE)


def test_the_project_is_found_and_its_entry_used(django: Server) -> None:
    answer = requests.get(django.url, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["X-Entry"]) == (200, "demo_project.wsgi")
    assert re.fullmatch(r"\d+ notes\n", answer.text)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/countdown/", 200),
        ("HEAD", "/countdown/", 200),
        ("GET", "/file/", 200),
        ("HEAD", "/file/", 200),
        ("GET", "/error/", 500),
        ("GET", "/nowhere/", 404),
        ("GET", "/countdown", 301),
        ("OPTIONS", "/api/hello/", 200),
    ],
)
def test_every_request_is_finished(django: Server, method: str, path: str, status: int) -> None:
    watch = Watch(django)
    url = f"{django.url}{path}?{watch.query}"
    assert (
        requests.request(method, url, allow_redirects=False, timeout=PATIENCE).status_code == status
    )
    watch.sees_the_end()


def test_a_stream_that_fails_is_finished(django: Server) -> None:
    watch = Watch(django)
    with django.client() as client:
        client.get(f"/error-midway/?{watch.query}")
        assert b"first" in client.everything()
    watch.sees_the_end()


@pytest.mark.parametrize("path", ["/file/", "/endless/"])
def test_a_request_whose_client_leaves_is_finished(django: Server, path: str) -> None:
    watch = Watch(django)
    closed = len(django.log.matching("app: stream closed"))
    with django.client() as client:
        client.get(f"{path}?{watch.query}")
        client.some()
    watch.sees_the_end()
    if path == "/endless/":
        django.log.wait_for("app: stream closed", closed + 1)
    assert requests.get(django.url, timeout=PATIENCE).status_code == 200


def test_a_stream_that_outlives_its_client_is_finished(django: Server, fifo: str) -> None:
    watch = Watch(django)
    with django.client() as client:
        client.get(f"/gated/?{watch.query}&gate={fifo}")
        client.some()
    open_gate(fifo)
    watch.sees_the_end()


def test_pipelined_requests_are_each_finished(django: Server) -> None:
    watch = Watch(django)
    with django.client() as client:
        for _ in range(5):
            client.get(f"/?{watch.query}")
        assert [client.response().status for _ in range(5)] == [200] * 5
    watch.sees_the_end(5)


def test_a_file_is_sent_and_never_read(django: Server) -> None:
    before = len(django.log.matching("app: the file was read"))
    watch = Watch(django)
    answer = requests.get(f"{django.url}/file/?{watch.query}", timeout=PATIENCE)
    assert answer.content == CONTENT
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    watch.sees_the_end()
    assert len(django.log.matching("app: the file was read")) == before


def test_a_stream_is_chunked(django: Server) -> None:
    answer = requests.get(f"{django.url}/countdown/", timeout=PATIENCE)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.text.split() == [str(number) for number in range(10, 0, -1)]


def test_a_form_needs_its_token(django: Server, browser: requests.Session) -> None:
    url = f"{django.url}/form/"
    said = browser.get(url, timeout=PATIENCE).text
    form = {"text": "Grüße", "csrfmiddlewaretoken": said}
    assert browser.post(url, form, timeout=PATIENCE).text == "saved Grüße"
    assert browser.post(url, {"text": "x"}, timeout=PATIENCE).status_code == 403
    assert requests.post(url, form, timeout=PATIENCE).status_code == 403


def test_a_form_sent_in_chunks_has_its_token(django: Server, browser: requests.Session) -> None:
    """Django reads no further than CONTENT_LENGTH, which no such client can say (its #35838)."""
    url = f"{django.url}/form/"
    form = urlencode(
        {"text": "Grüße", "csrfmiddlewaretoken": browser.get(url, timeout=PATIENCE).text}
    )
    pieces = (form[at : at + 10].encode() for at in range(0, len(form), 10))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = browser.post(url, pieces, headers=kind, timeout=PATIENCE)
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert (answer.status_code, answer.text) == (200, "saved Grüße")


@pytest.mark.parametrize(
    ("size", "kind"),
    [(50_000, "InMemoryUploadedFile"), (30_000_000, "TemporaryUploadedFile")],
)
def test_uploads(django: Server, browser: requests.Session, size: int, kind: str) -> None:
    said = browser.get(f"{django.url}/form/", timeout=PATIENCE).text
    content = (CONTENT * 6)[:size]
    watch = Watch(django)
    answer = browser.post(
        f"{django.url}/upload/?{watch.query}",
        data={"text": "with it", "csrfmiddlewaretoken": said},
        files={"file": ("übung.bin", content)},
        timeout=PATIENCE,
    ).json()
    assert (answer["class"], answer["name"], answer["text"]) == (kind, "übung.bin", "with it")
    assert answer["sha256"] == hashlib.sha256(content).hexdigest()
    watch.sees_the_end()


def test_an_upload_too_large_for_the_view(django: Server) -> None:
    """Django reads nothing of it (RequestDataTooBig): the connection goes on all the same."""
    with django.client() as client:
        kind = "Content-Type: application/x-www-form-urlencoded"
        client.request("POST", "/environ/", kind, body=b"text=" + b"x" * 300_000)
        assert client.response().status == 400
        client.get("/countdown/")
        assert client.response().status == 200


def test_logging_in_and_the_admin_pages(django: Server, browser: requests.Session) -> None:
    url = f"{django.url}/admin/"
    assert browser.get(url, timeout=PATIENCE).url.endswith("/admin/login/?next=/admin/")
    landed = log_in(browser, django.url)
    assert (landed.status_code, landed.url) == (200, url)
    assert "Site administration" in landed.text
    form = {"text": "by hand", "csrfmiddlewaretoken": token(browser, f"{url}notes/note/add/")}
    added = browser.post(f"{url}notes/note/add/", form, timeout=PATIENCE)
    assert "was added successfully" in added.text
    out = {"csrfmiddlewaretoken": token(browser, url)}
    assert "Logged out" in browser.post(f"{url}logout/", out, timeout=PATIENCE).text
    assert browser.get(url, timeout=PATIENCE).url.endswith("/admin/login/?next=/admin/")


def test_the_api_of_the_first_document(django: Server) -> None:
    url = f"{django.url}/api/hello/"
    assert requests.get(url, timeout=PATIENCE).json() == "Hello, World!"
    page = requests.get(url, headers={"Accept": "text/html"}, timeout=PATIENCE)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Django REST framework" in page.text


def test_an_api_with_a_database(django: Server) -> None:
    url = f"{django.url}/api/notes/"
    note = {"text": "from the API"}
    assert requests.post(url, json=note, timeout=PATIENCE).status_code == 403
    own = (USER, PASSWORD)
    made_note = requests.post(url, json=note, auth=own, timeout=PATIENCE)
    assert (made_note.status_code, made_note.json()["text"]) == (201, note["text"])
    one = f"{url}{made_note.json()['id']}/"
    assert (
        requests.patch(one, json={"text": "new"}, auth=own, timeout=PATIENCE).json()["text"]
        == "new"
    )
    assert "new" in [each["text"] for each in requests.get(url, timeout=PATIENCE).json()]
    assert requests.delete(one, auth=own, timeout=PATIENCE).status_code == 204
    assert requests.get(one, timeout=PATIENCE).status_code == 404


def test_without_sendfile_a_file_is_read(
    args: tuple[str, ...], serve: Serve, environment: dict[str, str]
) -> None:
    """The other half of the proof above."""
    flags = (*args, "--no-sendfile")
    server = serve("demo_project.wsgi", *flags, cwd=PROJECT, environment=environment)
    assert requests.get(f"{server.url}/file/", timeout=PATIENCE).content == CONTENT
    server.log.wait_for("app: the file was read")
