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

#: Tests that say themselves what they speak, or whose application is its own client.
PLAIN = {
    "test_connections::test_pipelined_requests_take_turns_with_those_of_a_new_client",
    "test_environ::test_any_harmless_host_on_a_unix_socket",
    "test_environ::test_every_key",
    "test_environ::test_nothing_is_left_from_the_request_before",
    "test_life::test_the_four_lines_of_a_start",
    "test_sockets::test_several_at_once",
}
#: A client that is not accepted yet waits for its handshake, and the test with it.
UNACCEPTED = {
    "test_at_once::test_at_the_limit_a_slow_reader_is_not_idle",
    "test_at_once::test_at_the_limit_accepting_rests_until_a_connection_is_idle",
    "test_at_once::test_at_the_limit_every_client_has_a_turn",
}
#: What HTTP/2 has not, has otherwise, or calls otherwise.
HTTP_1 = {
    # Its syntax, its versions, its phrases.
    "test_access_log::test_every_atom",
    "test_access_log::test_the_default_format",
    "test_bad_requests::test_an_answer_to_what_came_before",
    "test_bad_requests::test_it_is_refused",
    "test_bad_requests::test_the_page_and_the_line_in_the_log",
    "test_connections::test_http_1_0_closes",
    "test_connections::test_http_1_0_keeps_alive_when_asked",
    "test_environ::test_targets",
    "test_queue::test_what_waits_too_long_is_answered_without_the_application",
    "test_responses::test_start_response_by_keyword_and_what_it_is_bound_to",
    # Fields that belong to a connection.
    "test_connections::test_close_is_understood_wherever_it_stands",
    "test_connections::test_keep_alive_zero_closes",
    "test_environ::test_a_proxy_that_a_client_names_is_none",
    "test_life::test_a_stopping_worker_says_close_and_accepts_no_more",
    "test_stop::test_pipelined_requests_that_were_read_are_answered",
    # The connection itself: it is another's, too, and ends in both directions at once.
    "test_at_once::test_a_connection_that_was_taken_over_delays_no_other",
    "test_connections::test_a_client_that_has_stopped_sending_still_gets_its_answer",
    "test_connections::test_the_application_can_take_the_connection_over",
    "test_queue::test_a_client_that_has_left_is_not_served",
    "test_request_bodies::test_an_upload_cut_short_never_reaches_the_application",
    # Heads that come in parts: the tests of HTTP/2 send them.
    "test_slow_peers::test_a_head_that_takes_too_long",
    # Requests do not wait for each other: each of a hundred streams has its response.
    "test_slow_peers::test_pipelining_without_reading_is_not_a_way_to_fill_the_memory",
}
LEFT_OUT = {
    "tls": PLAIN | UNACCEPTED,
    "h2": PLAIN | HTTP_1,
    "h2-tls": PLAIN | HTTP_1 | UNACCEPTED,
}

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
ASGI_FILES = ("test_bodies", "test_responses", "test_semantics", "test_stopping")
ASGI_SELECTION = (
    "test_responses::test_a_status",
    "test_responses::test_early_hints",
    "test_responses::test_trailers",
)
#: Tests of ASGI whose clients speak in clear text, over TLS; or HTTP/1, over HTTP/2.
OWN_SOCKET = ("test_bodies::test_what_the_application_does_not_read_is_not_read",)
WEBSOCKETS = (
    "test_stopping::test_a_quick_stop_waits_for_nothing",
    "test_stopping::test_a_reload_closes_them_with_1012",
    "test_stopping::test_no_task_is_left",
    "test_stopping::test_websockets_are_closed_with_1001",
)
ASGI_HTTP_1 = (
    "test_responses::test_a_stream_to_http_1_0_ends_with_the_connection",
    "test_stopping::test_many_idle_connections",
)
ASGI_LEFT_OUT = {
    "tls": (*OWN_SOCKET, *WEBSOCKETS),
    "h2": (*OWN_SOCKET, *ASGI_HTTP_1),
    "h2-tls": (*OWN_SOCKET, *WEBSOCKETS, *ASGI_HTTP_1),
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
