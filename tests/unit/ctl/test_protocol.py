"""Bytes to requests, whatever the pieces; replies in the framing that the client chose."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licorne.ctl import protocol
from licorne.ctl.protocol import (
    LONGEST_REPLY,
    LONGEST_REQUEST,
    BadRequestError,
    Decoder,
    Framing,
    GarbledError,
    Request,
)

STATUS = b'{"id": 1, "command": "status", "args": []}\n'
ADD = b'{"id": "x", "command": "worker add", "args": [2, "3"]}\n'


def framed(message: bytes) -> bytes:
    """The message as gunicornc sends it."""
    return len(message).to_bytes(4, "big") + message


@given(st.lists(st.integers(0, 120)), st.booleans())
def test_the_pieces_do_not_matter(cuts: list[int], lengths: bool) -> None:
    data = b"".join(map(framed, (STATUS, ADD))) if lengths else b"\r\n\n" + STATUS + ADD
    decoder = Decoder()
    found = []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        decoder.feed(data[start:end])
        while (request := decoder.next()) is not None:
            found.append(request)
    assert found == [Request(1, "status"), Request("x", "worker add", ("2", "3"))]
    assert decoder.framing is (Framing.LENGTHS if lengths else Framing.LINES)
    assert not decoder.waiting


@pytest.mark.parametrize(
    "message",
    [
        b"status",
        b"[]",
        b"{}",
        b'{"command": 1}',
        b'{"command": "status", "args": "x"}',
        b'{"command": "status", "args": [[]]}',
        b'{"command": "\xff"}',
        b"[" * 60000,
    ],
    ids=repr,
)
def test_what_is_no_request_is_told_and_the_next_one_is_read(message: bytes) -> None:
    for data in (message + b"\n" + STATUS, framed(message) + framed(STATUS)):
        decoder = Decoder()
        decoder.feed(data)
        with pytest.raises(BadRequestError):
            decoder.next()
        assert decoder.next() == Request(1, "status")


@pytest.mark.parametrize("data", [b"x" * (LONGEST_REQUEST + 1), b"\0\1\0\1", b"\0\xff\xff\xff"])
def test_a_request_has_a_limit(data: bytes) -> None:
    decoder = Decoder()
    decoder.feed(data)
    with pytest.raises(GarbledError, match=str(LONGEST_REQUEST)):
        decoder.next()


def test_the_longest_request_is_taken() -> None:
    message = b'{"command": "' + b"x" * (LONGEST_REQUEST - 15) + b'"}'
    assert len(message) == LONGEST_REQUEST
    for data in (message + b"\n", framed(message)):
        decoder = Decoder()
        decoder.feed(data)
        request = decoder.next()
        assert request is not None
        assert len(request.command) == LONGEST_REQUEST - 15


def test_replies_come_in_the_framing_of_the_request() -> None:
    reply = protocol.success(7, {"a": "line\nbreak"})
    line = protocol.encode(reply, Framing.LINES)
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"id": 7, "status": "ok", "data": {"a": "line\nbreak"}}
    assert protocol.encode(reply, Framing.LENGTHS) == framed(line[:-1])


def test_a_reply_has_a_limit() -> None:
    reply = protocol.success(7, "x" * LONGEST_REPLY)
    read = json.loads(protocol.encode(reply, Framing.LINES))
    assert (read["id"], read["status"]) == (7, "error")
    assert str(LONGEST_REPLY) in read["error"]
