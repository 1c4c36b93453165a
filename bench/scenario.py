"""What a scenario is, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.load import Load
from bench.process import Variant
from bench.server import WSGI

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.process import Running, Tools


@dataclass(frozen=True)
class Measure:
    """The figures of one server in one round: name of the column → value."""

    values: dict[str, float]
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One thing to measure, and which servers take part."""

    name: str
    title: str
    measure: Callable[[Scenario, Running, Tools, float], Measure]
    load: Load = field(default_factory=Load)
    variant: Variant = field(default_factory=Variant)
    #: Servers that call the application by this take part.
    interface: str = WSGI
    #: A name under which several are asked for.
    group: str = ""
    #: Only these servers; empty: all that are not started on request only.
    only: tuple[str, ...] = ()
    #: Whether each round is measured on a server that was just started, and runs alone.
    fresh: bool = False
    #: Whether the canned answers of the C responder are an answer here.
    responder: bool = False
    #: Columns in the order shown, the first decides the order of the rows.
    columns: tuple[str, ...] = ()
