"""Whatever is written as a setting is taken, or refused with a sentence and nothing else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licorne.config import Config, sources
from licorne.config.classes import WORKER_ALIASES, load_class
from licorne.config.settings import OPTIONS
from licorne.errors import ConfigError
from property.effort import examples

if TYPE_CHECKING:
    from collections.abc import Callable

#: As the command line and the environment give them: undecodable bytes are surrogates.
TEXT = st.binary(max_size=60).map(os.fsdecode) | st.text(max_size=60)
SCALAR = TEXT | st.binary(max_size=60) | st.integers() | st.floats() | st.booleans() | st.none()
VALUE = SCALAR | st.lists(SCALAR, max_size=4) | st.dictionaries(SCALAR, SCALAR, max_size=3)
#: What a text for this kind of setting may begin with, so that more than the first check is met.
NEARLY = st.tuples(
    st.sampled_from(["unix:", "fd://", "[", "127.0.0.1:", "0x", "0", "egg:", "a.", "udp://", "*,"]),
    TEXT,
).map("".join)


def refusal(act: Callable[[], object]) -> str:
    """What it is refused with, fit to be printed (surrogates are not); empty if it is taken."""
    try:
        act()
    except ConfigError as error:
        return str(error).encode().decode()
    return ""


@settings(max_examples=examples(2500), deadline=None)
@given(st.sampled_from(sorted(OPTIONS)), VALUE | NEARLY)
def test_a_value(name: str, value: object) -> None:
    cfg = Config()

    def act() -> None:
        cfg.set(name, value, origin="a file")
        cfg.validate()

    said = refusal(act)
    assert not said or (name in said and "a file" in said)
    str(cfg).encode()


@settings(max_examples=examples(500), deadline=None)
@given(TEXT | NEARLY)
def test_a_class(text: str) -> None:
    assert "invalid or not found" in refusal(
        lambda: load_class(text, WORKER_ALIASES, "gunicorn.workers")
    )


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=80), st.sampled_from(["licorne.toml", "pyproject.toml", "x.conf.py"]))
def test_a_file(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        said = refusal(lambda: sources.of_file(str(path)))
    assert not said or name in said


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(sorted(OPTIONS)), TEXT.filter(lambda text: "\0" not in text))
def test_a_variable(name: str, text: str) -> None:
    cfg = Config()

    def act() -> None:
        for source in sources.from_variables():
            sources.apply(cfg, source)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"LICORNE_{name.upper()}", text)
        said = refusal(act)
    assert not said or name in said.lower()
