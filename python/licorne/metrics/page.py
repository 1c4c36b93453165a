"""A page of metrics as text: OpenMetrics 1.0, or the Prometheus format 0.0.4 for older scrapers.

Pure: families in, text out. The two formats differ in the names of counters, in units and at the
end (OpenMetrics specification, sections "ABNF" and "Metric Types").
"""

from __future__ import annotations

from licorne.supervisor.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Labels = tuple[tuple[str, str], ...]

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"

#: The kinds of families, and what their samples' names end with.
_SUFFIXES = {"counter": "_total", "info": "_info"}


class Sample(Record):
    """One number with its labels."""

    value: float
    labels: tuple[tuple[str, str], ...] = ()
    #: Behind the family's name: `_bucket`, `_sum` and `_count` of a histogram.
    suffix: str = ""


class Family(Record):
    """Samples of one name."""

    name: str
    #: `counter`, `gauge`, `histogram` or `info`.
    kind: str
    help: str
    samples: tuple[Sample, ...]
    unit: str = ""


def family(name: str, kind: str, told: str, values: Mapping[Labels, float]) -> Family:
    """A counter, a gauge or an info from its values by labels."""
    suffix = _SUFFIXES.get(kind, "")
    samples = tuple(Sample(value, labels, suffix) for labels, value in values.items())
    unit = next((each for each in ("seconds", "bytes") if name.endswith(f"_{each}")), "")
    return Family(name, kind, told, samples, unit)


def histogram(
    labels: tuple[tuple[str, str], ...],
    bounds: Sequence[float],
    counts: Sequence[int],
    total: float,
) -> tuple[Sample, ...]:
    """The samples of a histogram: `counts` has one number for each bound, and one for above."""
    made = []
    so_far = 0
    for bound, count in zip((*bounds, float("inf")), counts, strict=True):
        so_far += count
        made.append(Sample(so_far, (*labels, ("le", _number(float(bound)))), "_bucket"))
    return (*made, Sample(so_far, labels, "_count"), Sample(total, labels, "_sum"))


def render(families: Iterable[Family], *, openmetrics: bool) -> str:
    """The whole page."""
    lines = [line for each in families for line in _lines(each, openmetrics)]
    end = ["# EOF"] if openmetrics else []
    return "\n".join([*lines, *end, ""])


def wants_openmetrics(accept: str) -> bool:
    """Whether an Accept field names OpenMetrics; of weights only that of "not" matters."""
    ranges = (each.partition(";") for each in accept.lower().split(","))
    return any(
        kind.strip() == "application/openmetrics-text" and "q=0" not in _words(parameters)
        for kind, _, parameters in ranges
    )


def _words(parameters: str) -> list[str]:
    return [each.strip() for each in parameters.split(";")]


def _lines(each: Family, openmetrics: bool) -> Iterator[str]:
    name, kind = each.name, each.kind
    if not openmetrics and kind in _SUFFIXES:
        name += _SUFFIXES[kind]
        kind = "counter" if kind == "counter" else "gauge"
    yield f"# HELP {name} {_escaped(each.help)}"
    yield f"# TYPE {name} {kind}"
    if openmetrics and each.unit:
        yield f"# UNIT {name} {each.unit}"
    for sample in each.samples:
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels)
        shown = f"{{{labels}}}" if labels else ""
        yield f"{each.name}{sample.suffix}{shown} {_number(sample.value)}"


def _number(value: float) -> str:
    return "+Inf" if value == float("inf") else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
