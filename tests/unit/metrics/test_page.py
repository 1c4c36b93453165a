"""The page as text, read back by Prometheus' own parsers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as old_families

from licorne.metrics.page import Family, family, histogram, render, wants_openmetrics


def parsed(*families: Family) -> list[tuple[str, dict[str, str], float]]:
    text = render(families, openmetrics=True)
    return [
        (sample.name, dict(sample.labels), float(sample.value))
        for each in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in each.samples
    ]


@given(st.text(), st.text(st.characters(exclude_characters="\r")))
def test_any_text_in_a_label_comes_back(first: str, second: str) -> None:
    one = family("a", "gauge", "Help.", {(("x", first), ("y", second)): 1.5})
    assert parsed(one) == [("a", {"x": first, "y": second}, 1.5)]


def test_a_counter_has_another_name_in_each_format() -> None:
    one = family("licorne_sent_bytes", "counter", "Sent.", {(): 3.0})
    assert render([one], openmetrics=True) == (
        "# HELP licorne_sent_bytes Sent.\n"
        "# TYPE licorne_sent_bytes counter\n"
        "# UNIT licorne_sent_bytes bytes\n"
        "licorne_sent_bytes_total 3.0\n"
        "# EOF\n"
    )
    assert render([one], openmetrics=False) == (
        "# HELP licorne_sent_bytes_total Sent.\n"
        "# TYPE licorne_sent_bytes_total counter\n"
        "licorne_sent_bytes_total 3.0\n"
    )


def test_a_histogram_adds_up() -> None:
    samples = histogram((("k", "v"),), (0.001, 1.0), (3, 2, 1), 4.5)
    one = Family("t_seconds", "histogram", "Times.", samples, "seconds")
    assert parsed(one) == [
        ("t_seconds_bucket", {"k": "v", "le": "0.001"}, 3),
        ("t_seconds_bucket", {"k": "v", "le": "1.0"}, 5),
        ("t_seconds_bucket", {"k": "v", "le": "+Inf"}, 6),
        ("t_seconds_count", {"k": "v"}, 6),
        ("t_seconds_sum", {"k": "v"}, 4.5),
    ]
    (old,) = old_families(render([one], openmetrics=False))
    assert (old.name, old.type, len(old.samples)) == ("t_seconds", "histogram", 5)


def test_a_number_for_each_bucket_is_needed() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        histogram((), (1.0,), (1,), 1.0)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", False),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; version=1.0.0; charset=utf-8", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3", True),
        ("application/openmetrics-text;q=0, text/plain", False),
        ("application/openmetrics-text-like", False),
    ],
)
def test_which_clients_get_openmetrics(accept: str, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted
