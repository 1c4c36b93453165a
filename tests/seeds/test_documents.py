"""Nothing of the documents is forgotten: what is listed is run, or has a reason."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from seeds.documents import DOCUMENTS, SHOWN


def test_each_document_has_its_tests() -> None:
    here = {path.stem for path in Path(__file__).parent.glob("test_*.py")}
    assert here - {Path(__file__).stem} == set(DOCUMENTS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_listing_is_run_or_has_a_reason(name: str) -> None:
    import_module(f"seeds.{name}")
    document = DOCUMENTS[name]
    assert SHOWN[name] == document.run
    assert not document.run & set(document.not_run)
    assert all(document.not_run.values())
