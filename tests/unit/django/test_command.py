"""What `manage.py licorne` hands to the server that it becomes."""

from __future__ import annotations

import os
import sysconfig
from typing import TYPE_CHECKING

import pytest

from licorne.django.__main__ import address
from licorne.django.command import own_folders

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("8000", "127.0.0.1:8000"),
        ("0:8000", "0.0.0.0:8000"),
        ("192.0.2.1:8000", "192.0.2.1:8000"),
        ("localhost:8000", "localhost:8000"),
        ("[::1]:8000", "[::1]:8000"),
        ("unix:/run/app.sock", "unix:/run/app.sock"),
        ("fd://3", "fd://3"),
    ],
)
def test_addresses_are_runservers(given: str, meant: str) -> None:
    assert address(given) == meant


def test_folders_that_the_interpreter_has_not_anyway(tmp_path: Path) -> None:
    places = sysconfig.get_paths()
    inner = os.path.join(places["stdlib"], "lib-dynload")
    path = [str(tmp_path), places["stdlib"], inner, places["purelib"], "/no/such/folder"]
    assert own_folders(path, places) == [str(tmp_path)]


def test_the_working_directory_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert own_folders([""], sysconfig.get_paths()) == [str(tmp_path)]
