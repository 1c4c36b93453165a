"""What is watched, and what counts as a change."""

from __future__ import annotations

import os
import queue
import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from licorne import reloader
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def touch(path: Path, seconds: int) -> None:
    """Give the file this time, whatever the clock says; in one step, if it is there."""
    if not path.exists():
        path.touch()
    os.utime(path, (seconds, seconds))


def test_a_new_file_is_no_change_and_a_changed_one_is(tmp_path: Path) -> None:
    path = tmp_path / "x"
    touch(path, 1000)
    memory = reloader.Memory()
    assert memory.look([str(path)]) is None
    assert memory.look([str(path)]) is None
    touch(path, 1001)
    assert memory.look([str(path)]) == str(path)
    assert memory.look([str(path)]) is None


def test_an_older_file_put_back_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "x"
    touch(path, 1000)
    memory = reloader.Memory()
    memory.look([str(path)])
    touch(path, 900)
    assert memory.look([str(path)]) == str(path)


def test_another_size_within_the_same_tick_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "x"
    touch(path, 1000)
    memory = reloader.Memory()
    memory.look([str(path)])
    path.write_text("more")
    touch(path, 1000)
    assert memory.look([str(path)]) == str(path)


def test_a_file_that_is_missing_for_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "x"
    touch(path, 1000)
    memory = reloader.Memory()
    memory.look([str(path)])
    path.unlink()
    assert memory.look([str(path)]) is None
    touch(path, 1000)
    assert memory.look([str(path)]) is None
    path.unlink()
    touch(path, 1001)
    assert memory.look([str(path)]) == str(path)


def test_an_expected_file_that_comes_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "x"
    memory = reloader.Memory()
    memory.expect([str(path)])
    assert memory.look([str(path)]) is None
    touch(path, 1000)
    assert memory.look([str(path)]) == str(path)


def test_modules_are_watched_by_their_source(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = ModuleType("compiled_one")
    compiled.__file__ = "/somewhere/compiled_one.pyc"
    monkeypatch.setitem(sys.modules, "compiled_one", compiled)
    monkeypatch.setitem(sys.modules, "namespace_one", ModuleType("namespace_one"))
    files = reloader.module_files()
    assert "/somewhere/compiled_one.py" in files
    assert reloader.__file__ in files


def test_patterns_are_expanded_each_time(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    pattern = str(tmp_path / "**" / "*.html")
    literal = str(tmp_path / "not-there")
    assert reloader.expanded([pattern, literal]) == {literal}
    (deep / "x.html").touch()
    assert reloader.expanded([pattern]) == {str(deep / "x.html")}


def test_folders_of_links_are_those_of_their_targets_too(tmp_path: Path) -> None:
    real, shown = tmp_path / "real", tmp_path / "shown"
    real.mkdir()
    shown.mkdir()
    (real / "x").touch()
    (shown / "x").symlink_to(real / "x")
    found = reloader.folders({str(shown / "x"), str(tmp_path / "gone" / "y")})
    assert found == {str(shown), str(real)}


class Watched:
    """A reloader on one extra file, and what it has told."""

    def __init__(self, path: Path, engine: str) -> None:
        self.told: queue.Queue[str] = queue.Queue()
        self.looked = threading.Event()
        self.path = path
        self.reloader = reloader.Watcher([str(path)], engine, self.told.put)
        look = self.reloader.files

        def files() -> set[str]:
            found = look()
            self.looked.set()
            return found

        self.reloader.files = files  # type: ignore[method-assign]
        self.reloader.start()

    def has_looked(self) -> None:
        """Wait until a look is certainly over: the one after the next has begun."""
        for _ in range(2):
            self.looked.clear()
            assert self.looked.wait(PATIENCE)

    def next(self) -> str:
        return self.told.get(timeout=PATIENCE)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Callable[[str], Watched]]:
    made: list[Watched] = []

    def begin(engine: str) -> Watched:
        path = tmp_path / "extra"
        touch(path, 1000)
        made.append(Watched(path, engine))
        return made[-1]

    yield begin
    for each in made:
        each.reloader.stop()
        each.reloader.join(PATIENCE)
        assert not each.reloader.is_alive()


ENGINES = ["poll", pytest.param("auto", id="watchfiles")]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_change_is_told(watched: Callable[[str], Watched], engine: str) -> None:
    if engine == "auto":
        pytest.importorskip("watchfiles")
    one = watched(engine)
    one.reloader.loaded()
    one.has_looked()
    touch(one.path, 1001)
    assert one.next() == str(one.path)
    replacement = one.path.with_name("replacement")
    touch(replacement, 1002)
    replacement.rename(one.path)
    assert one.next() == str(one.path)


def test_a_change_while_loading_is_told_afterwards(watched: Callable[[str], Watched]) -> None:
    one = watched("poll")
    one.has_looked()
    touch(one.path, 1001)
    one.has_looked()
    assert one.told.empty()
    one.reloader.loaded()
    assert one.next() == str(one.path)


def test_a_missing_suspect_that_comes_is_told(watched: Callable[[str], Watched]) -> None:
    one = watched("poll")
    missing = one.path.with_name("missing.py")
    one.reloader.loaded([str(missing)])
    missing.touch()
    assert one.next() == str(missing)


def test_gunicorns_class_begins_when_it_is_started(tmp_path: Path) -> None:
    path, later = tmp_path / "extra", tmp_path / "later"
    touch(path, 1000)
    touch(later, 1000)
    told: queue.Queue[str] = queue.Queue()
    looks: queue.Queue[None] = queue.Queue()

    class Own(reloader.Reloader):  # type: ignore[misc, name-defined]
        def get_files(self) -> list[str]:
            looks.put(None)
            return [file for file in super().get_files() if file.startswith(str(tmp_path))]

    own = Own(extra_files=[str(path)], interval=1, callback=told.put)
    own.add_extra_file(str(later))
    own.start()
    try:
        for file in (path, later):
            # The look after the next has begun: that one has remembered the file as it was.
            looks.get(timeout=PATIENCE)
            looks.get(timeout=PATIENCE)
            touch(file, 2000)
            assert told.get(timeout=PATIENCE) == str(file)
    finally:
        own.stop()
        own.join(PATIENCE)


def test_gunicorns_engines_by_name() -> None:
    assert set(reloader.reloader_engines) >= {"auto", "poll", "inotify"}
    made = reloader.reloader_engines["inotify"](extra_files=["x"], callback=print)
    assert "x" in made.get_files()
    assert reloader.__file__ in made.get_files()
