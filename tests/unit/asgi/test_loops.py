"""`asgi_loop`: which loop a value stands for, and what is said when there is none."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from licorne.asgi import loops
from licorne.errors import StartFailed

if TYPE_CHECKING:
    from pathlib import Path


def kind(setting: str) -> str:
    loop = loops.new_loop(setting)
    loop.close()
    return type(loop).__module__


def test_asyncio() -> None:
    assert kind("asyncio").startswith("asyncio.")
    assert loops.complaint("asyncio") == ""


def test_uvloop_is_taken_when_it_is_there() -> None:
    pytest.importorskip("uvloop")
    assert kind("auto") == kind("uvloop") == "uvloop"
    assert loops.complaint("uvloop") == ""


def test_uvloop_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "find_spec", lambda _name: None)
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert kind("auto").startswith("asyncio.")
    said = "uvloop is not installed: pip install uvloop, or give auto or asyncio"
    assert loops.complaint("uvloop") == said
    with pytest.raises(StartFailed, match=said):
        loops.new_loop("uvloop")


def test_a_factory_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loops_of_test.py").write_text(
        "import asyncio\nclass Place:\n    make = staticmethod(asyncio.SelectorEventLoop)\n"
        "def nothing(): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert kind("loops_of_test:Place.make").startswith("asyncio.")
    assert loops.complaint("loops_of_test:Other") == ""
    with pytest.raises(StartFailed, match="what it has made is no event loop: None; give the MOD"):
        loops.new_loop("loops_of_test:nothing")
    with pytest.raises(StartFailed, match=r"no loop came of it: AttributeError: .* 'other'"):
        loops.new_loop("loops_of_test:other")


def test_a_module_that_is_not_there() -> None:
    said = "there is no module 'nowhere_x': give MODULE:FACTORY, auto, asyncio or uvloop"
    assert loops.complaint("nowhere_x.y:make") == said
    with pytest.raises(StartFailed, match=said):
        loops.new_loop("nowhere_x.y:make")


def test_a_factory_that_raises() -> None:
    with pytest.raises(StartFailed) as caught:
        loops.new_loop("asyncio:run")
    assert "asgi_loop is 'asyncio:run', and no loop came of it: TypeError" in str(caught.value)
    assert isinstance(caught.value.__cause__, TypeError)
    assert asyncio.events._get_running_loop() is None
