"""The scenarios once more, over TLS and over HTTP/2: the same tests, with another transport.

A selection runs always. `THOROUGH=1` runs all of them under every worker type.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.conftest import WORKERS
from e2e.scenarios import SCENARIOS

HERE = Path(__file__).parent
FAULTS = HERE.parent / "faults"
ASGI = HERE.parent / "asgi"
#: Runs hundreds of other tests, for minutes.
THOROUGH = pytest.mark.skipif("THOROUGH" not in os.environ, reason="THOROUGH=1 runs it")
#: The values of LICORNE_E2E_OVER.
TRANSPORTS = ("tls", "h2", "h2-tls")

#: What has no meaning over TLS.
TLS = {
    # The application is its own client, in clear text.
    "test_connections::test_pipelined_requests_take_turns_with_those_of_a_new_client",
}
#: What has no meaning over HTTP/2.
HTTP_2 = {
    # The syntax of HTTP/1 alone can be wrong in this way.
    "test_bad_requests::test_an_answer_to_what_came_before",
    "test_bad_requests::test_it_is_refused",
    "test_bad_requests::test_the_page_and_the_line_in_the_log",
    # HTTP/1.0.
    "test_connections::test_http_1_0_closes",
    "test_connections::test_http_1_0_keeps_alive_when_asked",
    # The field Connection: HTTP/2 forbids it (RFC 9113, section 8.2.2).
    "test_connections::test_close_is_understood_wherever_it_stands",
    # A connection that is taken over has other requests, too.
    "test_at_once::test_a_connection_that_was_taken_over_delays_no_other",
    "test_connections::test_the_application_can_take_the_connection_over",
    # A client that has stopped sending cannot open windows, and has left.
    "test_connections::test_a_client_that_has_stopped_sending_still_gets_its_answer",
    # Heads come whole from this client: e2e/test_slow_streams.py sends parts of them.
    "test_slow_peers::test_a_head_that_takes_too_long",
    # Requests of a connection do not take turns: all are served in the order in which they came.
    "test_connections::test_pipelined_requests_take_turns_with_those_of_a_new_client",
    # What responses that are not read keep of the memory: e2e/test_http2_memory.py.
    "test_slow_peers::test_pipelining_without_reading_is_not_a_way_to_fill_the_memory",
}
LEFT_OUT = {"tls": TLS, "h2": HTTP_2, "h2-tls": HTTP_2 | TLS}

#: Some of each topic, which share their servers.
SELECTION = (
    "test_connections::test_two_requests_on_one_connection",
    "test_environ::test_fields_by_name",
    "test_faulty_app::test_after_the_head_the_connection_is_aborted",
    "test_faulty_app::test_nothing_was_sent_yet",
    "test_file_wrapper::test_a_file_from_where_it_stands",
    "test_request_bodies::test_a_large_upload_is_whole",
    "test_request_bodies::test_continue_is_said_before_the_body_is_sent",
    "test_responses::test_a_block_leaves_before_the_next_one_is_made",
    "test_responses::test_a_generator_is_chunked",
    "test_responses::test_early_hints",
    "test_responses::test_head_of_a_generator",
    "test_slow_peers::test_slow_readers_delay_no_other_client",
    "test_slow_peers::test_slow_senders_delay_no_other_client",
)
#: The worker type that runs it: each transport is the same for all of them.
SELECTED = {"tls": "gthread", "h2": "sync", "h2-tls": "gevent"}
ASGI_FILES = (
    *("test_bodies", "test_faulty", "test_responses"),
    *("test_scope", "test_semantics", "test_stopping"),
)
ASGI_SELECTION = (
    "test_responses::test_a_status",
    "test_responses::test_early_hints",
    "test_responses::test_trailers",
)
#: What has no meaning over HTTP/2.
ASGI_HTTP_2 = (
    # The syntax of HTTP/1 alone can be wrong in this way.
    "test_faulty::test_a_chunked_body_that_is_malformed",
    "test_faulty::test_a_request_that_is_refused",
    # HTTP/1.0.
    "test_responses::test_a_stream_to_http_1_0_ends_with_the_connection",
    "test_scope::test_http_1_0",
    # Its WebSockets begin with the field Upgrade: tests/asgi/test_websocket_http2.py has others.
    "test_stopping::test_many_idle_connections",
)
#: HTTP/2 in clear text is for peers that are trusted.
UNTRUSTED = ("test_scope::test_what_an_untrusted_peer_says",)
ASGI_LEFT_OUT: dict[str, tuple[str, ...]] = {
    "tls": (),
    "h2": (*ASGI_HTTP_2, *UNTRUSTED),
    "h2-tls": ASGI_HTTP_2,
}


def node(test: str) -> str:
    """What pytest calls a test of the list."""
    module, function = test.split("::")
    folder = HERE if (HERE / f"{module}.py").exists() else FAULTS
    return f"{folder / module}.py::{function}"


def play(transport: str, *arguments: str) -> None:
    """Run tests over a transport, all in one process: those of one server share it."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        env=os.environ | {"LICORNE_E2E_OVER": transport},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def asgi_node(test: str) -> str:
    """The same of a test of ASGI."""
    return f"{ASGI / test.replace('::', '.py::')}"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_is_left_out_exists(transport: str) -> None:
    """And is not of the selection."""
    tests = {test for topic in SCENARIOS.values() for test in topic.values()}
    assert LEFT_OUT[transport] < tests
    assert not LEFT_OUT[transport] & set(SELECTION)
    for test in ASGI_LEFT_OUT[transport]:
        module, function = test.split("::")
        assert module in ASGI_FILES
        assert f"def {function}(" in (ASGI / f"{module}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_selection(transport: str) -> None:
    nodes = [*map(node, SELECTION), *map(asgi_node, ASGI_SELECTION)]
    play(transport, *nodes, "-k", f"({SELECTED[transport]} or uvloop) and not async")


@THOROUGH
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_scenario(transport: str, worker: str) -> None:
    tests = {test for topic in SCENARIOS.values() for test in topic.values()}
    nodes = map(node, sorted(tests - LEFT_OUT[transport]))
    play(transport, *nodes, "-k", f"{worker} and not async")


@THOROUGH
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_tests_of_asgi(transport: str) -> None:
    files = (str(ASGI / f"{name}.py") for name in ASGI_FILES)
    # By their names, which begin at the root.
    left_out = (asgi_node(test) for test in ASGI_LEFT_OUT[transport])
    names = (os.path.relpath(test, HERE.parents[1]) for test in left_out)
    play(transport, *files, *(f"--deselect={name}" for name in names))
