"""Frameworks and their clients: the same scenario for each, and what only one of them does."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
from websockets.sync.client import connect

from asgi.apps.collecting import COLLECT
from asgi.kind import APPS, FORGOTTEN, arguments
from e2e.server import Server
from faults.processes import eventually
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asgi.conftest import Token

#: Framework → its application; what begins it is imported to see whether it is installed.
FRAMEWORKS = {
    "starlette": "starlette_site:plain",
    "starlette middleware": "starlette_site:opening",
    "fastapi": "fastapi_site:application",
    "channels": "channels_site:application",
    "quart": "quart_site:application",
    "litestar": "litestar_site:application",
    "falcon": "falcon_site:application",
    "blacksheep": "blacksheep_site:application",
}
#: They have no lifespan of their own.
STATELESS = {"channels"}


@pytest.fixture(scope="session")
def sites() -> Iterator[dict[str, Server]]:
    """The running sites, shared by all tests; all are looked at when they have ended."""
    servers: dict[str, Server] = {}
    yield servers
    for name, server in servers.items():
        # Starlette logs what a view raises, as its middleware raises it on.
        server.tolerates_tracebacks = name.startswith("starlette")
        server.finish()
        assert server.log.matching(FORGOTTEN) == []


def running(sites: dict[str, Server], name: str) -> Server:
    """The site of a framework, which is skipped if it is not installed."""
    package = name.partition(" ")[0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    if name not in sites:
        sites[name] = Server(FRAMEWORKS[name], *arguments("auto"), cwd=APPS)
    return sites[name]


@pytest.fixture(params=list(FRAMEWORKS))
def site(request: pytest.FixtureRequest, sites: dict[str, Server]) -> Server:
    """Each framework in turn."""
    return running(sites, str(request.param))


@pytest.fixture(params=["starlette", "starlette middleware"])
def starlette(request: pytest.FixtureRequest, sites: dict[str, Server]) -> Server:
    """Starlette, as it is and with BaseHTTPMiddleware twice."""
    return running(sites, str(request.param))


@pytest.fixture
def fastapi(sites: dict[str, Server]) -> Server:
    """FastAPI."""
    return running(sites, "fastapi")


@pytest.fixture
def channels(sites: dict[str, Server]) -> Server:
    """Django with Channels."""
    return running(sites, "channels")


def client(site: Server) -> httpx.Client:
    """httpx's client for a site, with kept connections."""
    return httpx.Client(base_url=site.url, timeout=PATIENCE, trust_env=False)


def told(text: str) -> str:
    """The text of a response, which some frameworks make JSON of."""
    return str(json.loads(text)) if text.startswith('"') else text


def test_a_query(site: Server) -> None:
    with client(site) as http:
        for name in ("one", "zwei ✓", "trois"):
            answer = http.get("/hello", params={"name": name})
            assert (answer.status_code, told(answer.text)) == (200, f"hello {name}")


def test_json(site: Server) -> None:
    with client(site) as http:
        sent = {"name": "x" * 100_000, "price": 1.5}
        for _ in range(2):
            answer = http.post("/json", json=sent)
            assert (answer.status_code, answer.json()) == (200, {"received": sent})


def test_an_upload_of_unknown_length(site: Server) -> None:
    """httpx sends chunks."""
    with client(site) as http:
        parts = (b'{"name": ', b'"a", ', b'"price": 2.0}')
        fields = {"Content-Type": "application/json"}
        answer = http.post("/json", content=iter(parts), headers=fields)
        assert answer.json() == {"received": {"name": "a", "price": 2.0}}


def test_a_stream(site: Server) -> None:
    with client(site) as http, http.stream("GET", "/stream") as answer:
        assert list(answer.iter_lines()) == ["block 0", "block 1", "block 2"]


def test_the_state_of_the_start(site: Server, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["site"] in STATELESS:
        pytest.skip("without a lifespan of its own")
    with client(site) as http:
        assert told(http.get("/state").text) == "started"


def test_a_path_that_is_not_there(site: Server) -> None:
    with client(site) as http:
        assert http.get("/nowhere").status_code == 404


def test_concurrent_requests(site: Server) -> None:
    with client(site) as http, ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda n: told(http.get(f"/hello?name={n}").text), range(64))
        assert list(answers) == [f"hello {n}" for n in range(64)]


def test_a_stream_that_its_client_leaves(site: Server, token: Token) -> None:
    """The framework frees what the stream holds, and the log has no traceback.

    What lies in a cycle of the framework's objects is the collector's.
    """
    word = token()
    pid = site.worker_pid()

    def freed() -> object:
        os.kill(pid, COLLECT)
        return site.log.matching(f"TOLD {word} freed")

    before = site.log.matching("Traceback")
    with client(site) as http, http.stream("GET", "/endless", params={"word": word}) as answer:
        assert next(answer.iter_raw())
    eventually(freed, "the stream is freed")
    assert site.log.matching("Traceback") == before


def test_websocket(site: Server) -> None:
    url = site.url.replace("http", "ws") + "/ws"
    with connect(url, open_timeout=PATIENCE, close_timeout=PATIENCE) as connection:
        for number in range(20):
            connection.send(f"number {number} ✓")
            assert connection.recv(PATIENCE) == f"echo number {number} ✓"


def test_websocket_of_aiohttp(site: Server) -> None:
    async def talk() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{site.url}/ws", compress=15) as ws,
        ):
            await ws.send_str("one")
            assert await ws.receive_str(timeout=PATIENCE) == "echo one"

    asyncio.run(talk())


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl(site: Server) -> None:
    """It asks for leave to send a large body (Expect: 100-continue)."""
    body = json.dumps({"name": "x" * 2_000_000, "price": 1})
    command = ["curl", "-sS", "--max-time", str(PATIENCE), f"{site.url}/json"]
    fields = ["-H", "Content-Type: application/json", "-H", "Expect: 100-continue"]
    done = subprocess.run(
        [*command, *fields, "--data-binary", "@-"],
        input=body.encode(),
        capture_output=True,
        check=True,
    )
    assert len(json.loads(done.stdout)["received"]["name"]) == 2_000_000


def test_starlettes_middleware(sites: dict[str, Server]) -> None:
    with client(running(sites, "starlette middleware")) as http:
        answer = http.post("/json", json=[1])
        assert (answer.headers["X-Stamp"], answer.json()) == ("stamped", {"received": [1]})


def test_starlettes_background_tasks(sites: dict[str, Server], token: Token) -> None:
    """The answer is whole before the work is done, and the connection serves meanwhile."""
    site = running(sites, "starlette middleware")
    word = token()
    with site.client() as wire:
        wire.get(f"/background?word={word}")
        assert wire.response().body == b"answered"
        wire.get("/hello?name=again")
        with client(site) as http:
            assert http.get(f"/open?{word}").text == "open"
        assert wire.response().body == b"hello again"
    site.log.wait_for(f"TOLD {word} worked")


def test_starlettes_background_tasks_in_threads(starlette: Server, token: Token) -> None:
    word = token()
    with client(starlette) as http:
        assert http.get(f"/threaded?word={word}").text == "answered"
    starlette.log.wait_for(f"TOLD {word} threaded")


def test_starlettes_upload(starlette: Server) -> None:
    with client(starlette) as http:
        answer = http.post("/upload", content=bytes(5_000_000))
        assert answer.text == "5000000"


def test_starlettes_upload_that_is_cut_short(sites: dict[str, Server], token: Token) -> None:
    site = running(sites, "starlette")
    word = token()
    with site.client() as wire:
        wire.request("POST", f"/upload?word={word}", "Content-Length: 100")
        wire.send(b"short")
    site.log.wait_for(f"TOLD {word} ClientDisconnect")


def test_starlettes_forms(starlette: Server) -> None:
    with client(starlette) as http:
        files = {"file": ("name.bin", bytes(2_000_000))}
        answer = http.post("/form", data={"a": "b"}, files=files)
        assert answer.json() == {"name": "name.bin", "size": 2_000_000, "a": "b"}


def test_starlettes_files(starlette: Server) -> None:
    with client(starlette) as http:
        answer = http.get("/file")
        assert answer.content == (APPS / "starlette_site.py").read_bytes()
        part = http.get("/file", headers={"Range": "bytes=3-9"})
        assert (part.status_code, part.content) == (206, answer.content[3:10])
        assert http.head("/file").headers["Content-Length"] == str(len(answer.content))


def test_starlettes_question_whether_the_client_is_there(
    sites: dict[str, Server], token: Token
) -> None:
    site = running(sites, "starlette")
    word = token()
    with site.client() as wire:
        wire.get(f"/left?word={word}")
        site.log.wait_for(f"TOLD {word} asks")
    site.log.wait_for(f"TOLD {word} knows")


def test_a_view_that_fails(starlette: Server) -> None:
    with client(starlette) as http:
        assert http.get("/failing").status_code == 500
        assert http.get("/hello?name=again").text == "hello again"
    starlette.log.wait_for("RuntimeError: the view failed")


def test_an_event_stream(starlette: Server, token: Token) -> None:
    """In the way of sse-starlette, which MCP's servers use."""
    word = token()
    with client(starlette) as http, http.stream("GET", f"/events?word={word}") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        data = []
        for line in answer.iter_lines():
            if line.startswith("data: "):
                data.append(line.removeprefix("data: "))
            if len(data) == 3:
                break
    assert data == ["0", "1", "2"]
    starlette.log.wait_for(f"TOLD {word} freed")


def test_an_event_stream_that_is_fed(starlette: Server, token: Token) -> None:
    """In the way of gradio: jobs are posted, what becomes of them comes by a stream of events."""
    session = token()
    seen = []
    with client(starlette) as http, http.stream("GET", f"/queue?session={session}") as answer:
        lines = (line for line in answer.iter_lines() if line)
        assert next(lines) == 'data: {"msg": "heartbeat"}'
        for word in ("process_starts", "process_completed", "close_stream"):
            assert http.post("/join", json={"session": session, "data": word}).status_code == 200
        seen = [line for line in lines if "heartbeat" not in line]
    words = [json.loads(line.removeprefix("data: "))["msg"] for line in seen]
    assert words == ["process_starts", "process_completed", "close_stream"]


def test_fastapis_dependencies_are_freed(fastapi: Server, token: Token) -> None:
    word = token()
    with client(fastapi) as http:
        assert http.get(f"/depends?word={word}").json() == "connection"
        fastapi.log.wait_for(f"TOLD {word} freed")
        assert http.get(f"/background?word={word}").json() == "answered"
        fastapi.log.wait_for(f"TOLD {word} worked")
        assert http.get("/threaded?name=x").json() == "hello x"
        assert http.post("/json", json={"name": "a"}).status_code == 422


def test_djangos_views_in_threads(channels: Server) -> None:
    with client(channels) as http, ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda n: http.get(f"/threaded?name={n}").text, range(16))
        assert list(answers) == [f"hello {n}" for n in range(16)]
        assert http.get("/query").text == "2"


def test_a_request_of_django_that_is_left_frees_its_connection(
    channels: Server, token: Token
) -> None:
    """Django 5 cancels the view itself; earlier versions are cancelled by the server."""
    word = token()
    with channels.client() as wire:
        wire.get(f"/held?word={word}")
        channels.log.wait_for(f"TOLD {word} holds")
    channels.log.wait_for(f"TOLD {word} cancelled")
    channels.log.wait_for(f"TOLD {word} freed")
    with client(channels) as http:
        assert http.get("/query").text == "2"


def test_consumers_in_threads(channels: Server) -> None:
    with connect(channels.url.replace("http", "ws") + "/ws-thread") as connection:
        connection.send("one")
        assert connection.recv(PATIENCE) == "echo one"


def test_a_group_of_consumers(channels: Server) -> None:
    url = channels.url.replace("http", "ws") + "/room"
    with connect(url) as one, connect(url) as two:
        assert (one.recv(PATIENCE), two.recv(PATIENCE)) == ("joined", "joined")
        one.send("hello")
        assert (one.recv(PATIENCE), two.recv(PATIENCE)) == ("hello", "hello")
        two.close(4000)
        channels.log.wait_for("TOLD room left 4000")


def test_the_applications_are_all_here() -> None:
    """A framework's application is a file of the folder, and none is forgotten."""
    named = {Path(f"{app.partition(':')[0]}.py").name for app in FRAMEWORKS.values()}
    assert named == {path.name for path in APPS.glob("*_site.py")}
