"""Settings as TOML text; tests/property/test_tomltext.py reads what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from licorne.config import toml, tomltext

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("value", [None, float("inf"), object(), [None], {"a": print}])
def test_what_toml_cannot_hold(value: object) -> None:
    with pytest.raises(ValueError, match="TOML has no value for"):
        tomltext.written(value)


def test_a_comment_cannot_end(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(tomltext.comment(["one\nworkers = 3\r\x00\x7f"]), "utf-8")
    assert toml.table(str(path)) == {}
