"""The worker under test: licorne's own, or uvicorn's under licorne as a reference.

`ASGI_WORKER=uvicorn pytest tests/asgi` runs the same tests against the reference: what passes there
is what applications expect, and `OURS` names what this server alone does.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

APPS = Path(__file__).with_name("apps")
#: `uvicorn` for the reference; `-k` takes all others.
WORKER = os.environ.get("ASGI_WORKER", "asgi")
REFERENCE = WORKER == "uvicorn"

#: The loops of asyncio that the worker runs on. `debug`: with asyncio's debug mode, and warnings
#: about what was forgotten as errors, which the log shows.
LOOPS = ["asyncio", "uvloop", "debug"]
DEBUG = {
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONWARNINGS": "error::ResourceWarning,error::RuntimeWarning",
}

#: What the reference does not do, or otherwise: test, or a file of them → why it is not run there.
OURS: dict[str, str] = {
    "test_choice": "what licorne chooses",
    "test_faulty": "other answers and other words",
    "test_lifespan": "its worker takes no setting, and fails in other words",
    "test_operations": "what licorne does for all of its workers",
    "test_stopping": "closes nothing by itself",
    "test_browser::test_a_reload": "closes nothing by itself",
    "test_browser::test_websockets_over_http2": "speaks no HTTP/2",
    "test_responses::test_a_client_that_leaves_ends_the_flood": "drops what is sent afterwards",
    "test_responses::test_a_file_by_its_path": "offers no extensions",
    "test_responses::test_a_file_that_is_not_there": "offers no extensions",
    "test_responses::test_a_stream_to_http_1_0_ends_with_the_connection": "sends chunks to 1.0",
    "test_responses::test_early_hints": "offers no extensions",
    "test_responses::test_informational_responses_of_gunicorn": "an event of gunicorn's",
    "test_responses::test_parts_of_a_file_by_its_descriptor": "offers no extensions",
    "test_responses::test_trailers": "offers no extensions",
    "test_semantics::test_a_task_is_cancelled_when_its_client_leaves": "cancels nothing",
    "test_semantics::test_pipelined_requests_share_no_context": "a task is made in the one before",
    "test_semantics::test_what_the_start_sets_is_seen_by_requests": "lifespan has its own context",
    "test_frameworks::test_a_stream_that_its_client_leaves[blacksheep]": "never tells it",
    "test_semantics::test_a_task_that_listens_ends_the_one_that_sends": "gives the loop no turn",
    "test_scope::test_an_absolute_target": "its path is the whole target",
    "test_scope::test_extensions": "offers no extensions",
    "test_scope::test_header_values_are_bytes_as_they_came": "keeps space at the end",
    "test_scope::test_the_loop": "its worker sets debug mode off",
    "test_scope::test_the_root_path": "its worker takes no root path",
    "test_scope::test_the_version_of_the_specification": "is at 2.3",
    "test_websocket::test_a_bad_handshake": "answers 400 for 426, and takes one with a body",
    "test_websocket::test_a_client_that_leaves_without_a_close_frame_is_1006": "says 1005",
    "test_websocket::test_a_message_that_inflates_too_much": "its worker takes no limit",
    "test_websocket::test_a_message_that_is_too_large": "its worker takes no limit",
    "test_websocket::test_a_mistake_of_the_application": "ends without a close frame",
    "test_websocket::test_an_application_that_raises_after_accepting": "says nothing",
    "test_websocket::test_an_application_that_returns": "ends without a close frame",
    "test_websocket::test_many_fragments_that_are_too_large_together": "its worker takes no limit",
    "test_websocket::test_messages_before_a_bad_frame_are_answered": "drops what waits",
    "test_websocket::test_messages_right_behind_the_handshake": "loses them",
    "test_websocket::test_one_disconnect": "a second `receive` never returns, or fails",
    "test_websocket_http2": "speaks no HTTP/2",
}

#: A line of Python or asyncio about what was forgotten.
FORGOTTEN = (
    r"never retrieved|destroyed but it is pending|ResourceWarning|was never awaited"
    r"|Exception ignored|Exception in callback|unhandled exception during asyncio"
)


def arguments(loop: str) -> tuple[str, ...]:
    """The arguments that choose the worker and its loop (`auto`: the worker's choice)."""
    on = "asyncio" if loop == "debug" else loop
    if REFERENCE:
        return ("-k", f"reference_workers.{on.capitalize()}Worker")
    return ("-k", WORKER, "--asgi-loop", on)


def environment(loop: str) -> dict[str, str]:
    """What the process of the server has in its environment."""
    return DEBUG if loop == "debug" else {}


def is_missing(loop: str) -> bool:
    """Whether the loop is not installed: uvloop comes late to a new Python."""
    return loop == "uvloop" and importlib.util.find_spec("uvloop") is None
