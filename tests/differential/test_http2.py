"""The same HTTP/2 connections seen by licorne, by Python's h2 and by nghttp2.

Sequences are random, from their seeds: a failure names its seed. `THOROUGH=1` tries many more.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import hpack
import pytest

from differential import nghttp2
from differential.client import Client, acknowledged
from differential.faults import BEGINNINGS, DEVIATIONS, FAULTS, IGNORED, Fault
from differential.frames import END_STREAM, HEADERS
from differential.views import Licorne, PythonH2, Step, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = nghttp2.library()
NGHTTP2 = pytest.param(
    "nghttp2", marks=pytest.mark.skipif(LIBRARY is None, reason="libnghttp2 is not installed")
)
VIEWS = ["h2", NGHTTP2]
#: Sequences of a test, of which there are some.
COUNT = 2500 if os.environ.get("THOROUGH") else 50
BUILD = ["cargo", "build", "--quiet", "--workspace", "--examples"]


@pytest.fixture(scope="session")
def licorne() -> Iterator[Callable[[], View]]:
    """Connections of licorne's."""
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed")
    subprocess.run(BUILD, cwd=ROOT, check=True)
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    with Licorne.process(folder / "debug" / "examples" / "h2_events") as process:
        yield lambda: Licorne(process)
        assert process.stdin
        process.stdin.close()


def other(view: str) -> View:
    """A connection of another server's."""
    if view == "h2":
        return PythonH2()
    assert LIBRARY
    return nghttp2.Nghttp2(LIBRARY)


class Sequence(NamedTuple):
    """What is sent, step by step."""

    steps: list[bytes]
    #: Windows leave room for all answers. Where they do not, which of them are first is a choice.
    roomy: bool
    #: The step with a fault, and its name.
    at: int | None = None
    fault: str = ""


def sequence(seed: int) -> Sequence:
    """A random one."""
    rng = random.Random(seed)
    client = Client(rng, roomy=rng.random() < 0.7)
    steps = [client.begin(), acknowledged()]
    count = rng.randrange(3, 40)
    wanted = rng.randrange(count * 4 // 3)
    at, name = None, ""
    for number in range(count):
        if number == wanted and client.roomy:
            name = rng.choice(list(FAULTS))
            made = FAULTS[name].make(client)
            if made is not None:
                at = len(steps)
                steps.append(made)
        steps.append(client.step())
    return Sequence(steps, client.roomy, at, name)


def reaction(step: Step) -> str:
    """What a server has done about a fault."""
    if step.failure:
        return f"connection {step.failure}"
    return f"stream {step.resets[0][1]}" if step.resets else IGNORED


def judge(view: str, name: str, fault: Fault, ours: str, theirs: str) -> None:
    """Both do what the RFC allows; where it allows one thing they do the same."""
    assert ours == fault.reaction, f"{name}: section {fault.section}"
    allowed = {fault.reaction, *fault.others}
    allowed |= {each.replace("stream ", "connection ") for each in allowed}
    assert theirs in {*allowed, DEVIATIONS.get((view, name))}, f"{name}: section {fault.section}"


@pytest.mark.parametrize("view", VIEWS)
def test_every_fault(licorne: Callable[[], View], view: str) -> None:
    for name, fault in FAULTS.items():
        client = Client(random.Random(name))
        front = [client.begin(), acknowledged(), client.get(), client.post(), client.post()]
        front += [client.hold(), client.hold(), client.give_up()]
        both = licorne(), other(view)
        for bytes_ in front:
            for each in both:
                assert reaction(each.feed(bytes_)) == IGNORED
        wrong = fault.make(client)
        assert wrong is not None, name
        ours, theirs = (reaction(each.feed(wrong)) for each in both)
        judge(view, name, fault, ours, theirs)
    for name, fault in BEGINNINGS.items():
        wrong = fault.make(Client(random.Random(name)))
        assert wrong is not None
        ours, theirs = (reaction(each.feed(wrong)) for each in (licorne(), other(view)))
        judge(view, name, fault, ours, theirs)


def test_fields_come_back(licorne: Callable[[], View]) -> None:
    rng = random.Random(1)
    server, client, decoder = licorne(), Client(rng), hpack.Decoder()
    server.feed(client.begin() + acknowledged())
    names = ["x-" + "ab~1"[: rng.randrange(1, 5)] * rng.randrange(1, 9) for _ in range(20)]
    names += ["accept-encoding", "date", "content-type", "user-agent"]
    for _ in range(60):
        texts = (rng.choices(range(0x21, 0x100), k=rng.randrange(200)) for _ in range(8))
        values = [bytes(text).replace(b"\x7f", b"").decode("latin-1") for text in texts]
        fields = list(zip(rng.sample(names, 8), values, strict=True))
        block = client.block("GET", "/1", fields)
        step = server.feed(client.headers(client.number(), block, END_STREAM))
        said = [frame.payload for frame in step.sent if frame.kind == HEADERS]
        pairs = decoder.decode(said[0], raw=True)
        decoded = [(name.decode(), value.decode()) for name, value in pairs]
        assert decoded == [(":status", "200"), ("host", "a"), *fields]


@pytest.mark.parametrize("block", range(4))
@pytest.mark.parametrize("view", VIEWS)
def test_random_sequences(licorne: Callable[[], View], view: str, block: int) -> None:
    for seed in range(block * COUNT, (block + 1) * COUNT):
        compare(view, licorne(), other(view), sequence(seed), seed)


def compare(view: str, ours: View, theirs: View, what: Sequence, seed: int) -> None:
    """Step by step the same, up to a fault after which they go different ways."""
    for number, data in enumerate(what.steps):
        one, two = ours.feed(data), theirs.feed(data)
        if number == what.at:
            done = reaction(one), reaction(two)
            judge(view, what.fault, FAULTS[what.fault], *done)
            if done[0] != done[1] or one.failure:
                return
            continue
        where = f"seed {seed}, step {number}: {data.hex()}"
        assert (one.failure, one.resets) == (two.failure, two.resets) == (None, []), where
        assert one.events == two.events, where
        assert one.answers == two.answers, where
        assert one.paid == two.paid, where
        assert not what.roomy or one.ended == two.ended, where
