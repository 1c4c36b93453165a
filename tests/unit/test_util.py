"""Small services."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from licorne import util

if TYPE_CHECKING:
    from pathlib import Path


def test_parse_address() -> None:
    assert util.parse_address("h:1") == ("h", 1)
    assert util.parse_address("h", "90") == ("h", 90)
    with pytest.raises(RuntimeError, match="'x' is not a valid port number"):
        util.parse_address("h:x")


@pytest.mark.parametrize(
    ("name", "is_one"), [("::1", True), ("127.0.0.1", False), ("localhost", False), ("a\0", False)]
)
def test_is_ipv6(name: str, is_one: bool) -> None:
    assert util.is_ipv6(name) is is_one


def test_unlink(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    util.unlink(str(path))
    util.unlink(str(path))
    with pytest.raises(OSError, match=r"directory|permitted"):
        util.unlink(str(tmp_path))


def test_getcwd_prefers_the_name_that_the_user_gave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    monkeypatch.chdir(link)
    monkeypatch.setenv("PWD", str(link))
    assert util.getcwd() == str(link)
    monkeypatch.setenv("PWD", "/")
    assert util.getcwd() == str(real)
    monkeypatch.delenv("PWD")
    assert util.getcwd() == str(real)


def test_descriptors() -> None:
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    util.close_on_exec(reader)
    util.set_non_blocking(reader)
    assert not os.get_inheritable(reader)
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    os.close(reader)
    os.close(writer)


def test_seed_makes_random_numbers_our_own() -> None:
    state = random.getstate()
    util.seed()
    mine = random.random()
    random.setstate(state)
    assert random.random() != mine


def test_load_class_has_a_default() -> None:
    assert util.load_class("", default="licorne.pidfile.Pidfile").__name__ == "Pidfile"
