"""Hooks are checked by the arguments they take."""

from __future__ import annotations

import os

import pytest

from licorne.config.callables import hook, post_request


def test_a_function_or_its_name() -> None:
    def one(_server: object) -> str:
        return "called"

    assert hook(1)(one) is one
    assert hook(2)("os.path.join") is os.path.join


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("nodots", "dotted name"),
        ("no.such.module", "cannot import"),
        ("os.nothing", "has no 'nothing'"),
        (3, "give a function"),
        (lambda: None, r"called with 1 argument"),
    ],
)
def test_what_is_no_hook(given: object, error: str) -> None:
    with pytest.raises(TypeError, match=error):
        hook(1)(given)


def test_post_request_of_two_three_and_four_arguments() -> None:
    seen: list[tuple[object, ...]] = []
    two = post_request(lambda a, b: seen.append((a, b)))
    three = post_request(lambda a, b, c: seen.append((a, b, c)))
    four = post_request(lambda a, b, c, d: seen.append((a, b, c, d)))
    for each in (two, three, four):
        assert callable(each)
        each(1, 2, 3, 4)
    assert seen == [(1, 2), (1, 2, 3), (1, 2, 3, 4)]
    with pytest.raises(TypeError, match="4, 3 or 2"):
        post_request(lambda a: a)


def test_a_builtin_without_a_signature_is_trusted() -> None:
    assert hook(1)(print) is print
