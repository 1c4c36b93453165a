"""What is written as TOML is read as the same value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from licorne.config import toml, tomltext
from property.effort import examples

if TYPE_CHECKING:
    import pytest

TEXTS = st.text()
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


# A loaded machine is slow at making examples, too.
@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow])
@given(value=VALUES)
def test_values(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.mktemp("toml") / "licorne.toml"
    comment = tomltext.comment(["a\nb", "é"])
    path.write_text(f"{comment}\n{tomltext.line('key', value)}\n", "utf-8")
    assert toml.table(str(path)) == {"key": value}
