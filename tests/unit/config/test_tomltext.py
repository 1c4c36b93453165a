"""What is written as TOML is read as the same value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licorne.config import toml, tomltext

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = st.text()
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)  # fmt: skip


@given(value=VALUES)
def test_values(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.mktemp("toml") / "licorne.toml"
    comment = tomltext.comment(["a\nb", "é"])
    path.write_text(f"{comment}\n{tomltext.line('key', value)}\n", "utf-8")
    assert toml.table(str(path)) == {"key": value}


@pytest.mark.parametrize("value", [None, float("inf"), object(), [None], {"a": print}])
def test_what_toml_cannot_hold(value: object) -> None:
    with pytest.raises(ValueError, match="TOML has no value for"):
        tomltext.written(value)


def test_a_comment_cannot_end(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(tomltext.comment(["one\nworkers = 3\r\x00\x7f"]), "utf-8")
    assert toml.table(str(path)) == {}
