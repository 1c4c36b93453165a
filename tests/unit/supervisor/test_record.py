"""Records: values that cannot be changed."""

from __future__ import annotations

import pytest

from licorne.supervisor.record import Record, replace


class Point(Record):
    x: int
    y: int = 7


class Named(Point):
    name: str = ""


def test_fields_by_position_name_and_default() -> None:
    assert Point(1) == Point(x=1, y=7)
    assert Point(1) != Point(1, 8)
    assert Named(1, 2, "z").name == "z"
    assert hash(Point(1)) == hash(Point(1, 7))
    assert repr(Point(1)) == "Point(x=1, y=7)"


def test_matching() -> None:
    match Named(1, 2, "z"):
        case Named(x, y, name):
            assert (x, y, name) == (1, 2, "z")


def test_frozen() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="frozen"):
        point.x = 2  # type: ignore[misc]
    assert replace(point, x=2) == Point(2)


@pytest.mark.parametrize("fields", [{"x": 1, "z": 2}, {"y": 1}])
def test_wrong_fields(fields: dict[str, int]) -> None:
    with pytest.raises((TypeError, AttributeError)):
        Point(**fields)
