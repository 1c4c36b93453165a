"""The sources fold in order, whatever they give; and every value survives its own text."""

from __future__ import annotations

import contextlib
import ipaddress
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from licorne.config import Config, convert
from licorne.config.cli import parser
from licorne.config.settings import OPTIONS
from licorne.config.sources import Source, apply, from_flags

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS = sorted(n for n, o in OPTIONS.items() if o.type == "int" and o.convert is None)
SWITCHES = sorted(n for n, o in OPTIONS.items() if o.type == "bool" and o.flags and o.const is None)
LAYERS = st.lists(
    st.dictionaries(st.sampled_from(NUMBERS), st.integers(0, 10**6)), min_size=1, max_size=5
)


def _address(text: str) -> object:
    return convert.address(text)


@given(LAYERS)
def test_the_last_source_that_speaks_wins(layers: list[dict[str, int]]) -> None:
    cfg = Config()
    for number, values in enumerate(layers):
        apply(cfg, Source(f"source {number}", dict(values)))
    for name in NUMBERS:
        said = [number for number, values in enumerate(layers) if name in values]
        if said:
            assert cfg.values[name] == layers[said[-1]][name]
            assert cfg.origins[name] == f"source {said[-1]}"
        else:
            assert cfg.is_default(name)


@given(
    st.dictionaries(st.sampled_from(NUMBERS), st.integers(0, 10**6)),
    st.sets(st.sampled_from(SWITCHES)),
    st.booleans(),
)
def test_a_command_line_means_its_values(
    numbers: dict[str, int], switches: set[str], partial: bool
) -> None:
    words = ["m:app"]
    for name, value in numbers.items():
        words += [OPTIONS[name].flags[-1], str(value)]
    words += [OPTIONS[name].flags[-1] for name in sorted(switches)]
    parsed = parser("%(prog)s", "licorne", words if partial else None).parse_args(words)
    assert from_flags("command line", parsed).values == {
        **numbers,
        **dict.fromkeys(switches, True),
    }


@given(st.integers(0, 2**40))
def test_numbers_in_every_notation(number: int) -> None:
    for text in (str(number), hex(number), oct(number), f" {number} "):
        assert convert.integer(text) == number


@given(
    st.one_of(st.ip_addresses(), st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)),
    st.integers(0, 65535),
)
def test_addresses(host: object, port: int) -> None:
    written = f"[{host}]" if isinstance(host, ipaddress.IPv6Address) else str(host)
    assert convert.address(f"{written}:{port}") == (str(host), port)
    assert convert.address(written) == (str(host), 8000)


@given(
    st.text(),
    st.sampled_from(
        [convert.integer, convert.seconds, convert.boolean, convert.networks, _address]
    ),
)
def test_no_text_is_worse_than_refused(text: str, conversion: Callable[[str], object]) -> None:
    with contextlib.suppress(ValueError):
        conversion(text)
