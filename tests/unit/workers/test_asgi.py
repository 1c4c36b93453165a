"""ASGI applications are told from WSGI ones by how they can be called."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from licorne.workers.asgi import is_asgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


async def coroutine(scope: object, receive: object, send: object) -> None: ...
async def with_more(scope: object, receive: object, send: object, more: object = None) -> None: ...
async def with_first(first: object, scope: object, receive: object, send: object) -> None: ...
def returning(scope: object, receive: object, send: object) -> object: ...
def double(scope: object) -> object: ...


class Single:
    async def __call__(self, scope: object, receive: object, send: object) -> None: ...

    async def method(self, scope: object, receive: object, send: object) -> None: ...


class Double:
    def __init__(self, scope: object) -> None: ...

    async def __call__(self, receive: object, send: object) -> None: ...


class Endpoint:
    """In the way of Starlette's: made with all three, then awaited."""

    def __init__(self, scope: object, receive: object, send: object) -> None: ...


ASGI: dict[str, object] = {
    "a coroutine function": coroutine,
    "with more": with_more,
    "partial": functools.partial(with_first, 1),
    "partial of partial": functools.partial(functools.partial(with_first), 1),
    "a function that returns a coroutine": returning,
    "an object": Single(),
    "a method": Single().method,
    "a partial object": functools.partial(Single()),
    "double, a function": double,
    "double, a class": Double,
    "a class that is awaited": Endpoint,
}


def wsgi(environ: object, start_response: object) -> list[bytes]: ...
def optional(environ: object, start_response: object, more: object = None) -> list[bytes]: ...
def three(first: object, environ: object, start_response: object) -> list[bytes]: ...
def anything(*args: object, **named: object) -> list[bytes]: ...
def wrong(request: object) -> list[bytes]: ...


def wrapping(function: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(function)
    def inner(*args: object) -> object: ...

    return inner


class Application:
    def __call__(self, environ: object, start_response: object) -> list[bytes]: ...

    def method(self, environ: object, start_response: object) -> list[bytes]: ...

    @staticmethod
    def static(environ: object, start_response: object) -> list[bytes]: ...

    @classmethod
    def of_class(cls, environ: object, start_response: object) -> list[bytes]: ...


class Iterated:
    """A class as an application (PEP 3333's own example)."""

    def __init__(self, environ: object, start_response: object) -> None: ...

    def __iter__(self) -> Iterator[bytes]: ...

    async def __call__(self) -> None: ...


WSGI: dict[str, object] = {
    "a function": wsgi,
    "with an optional argument": optional,
    "lambda": lambda *_arguments: [],
    "partial": functools.partial(three, 1),
    "partial by keyword": functools.partial(optional, more=1),
    "any arguments": anything,
    "a decorated view": wrapping(double),
    "a decorated function of three": wrapping(returning),
    "an object": Application(),
    "a method": Application().method,
    "a static method": Application.static,
    "a method of a class": Application.of_class,
    "a class": Iterated,
    "of C, with a signature": operator.eq,
    "of C, without one": dict,
    "of C, a method": {}.update,
    "of C, an object": operator.itemgetter(0),
    "a mock": mock.Mock(),
    "not callable": object(),
    # Wrong, but not ASGI: the TypeError of its call says what it is.
    "one argument": wrong,
}


@pytest.mark.parametrize("name", list(ASGI))
def test_asgi(name: str) -> None:
    assert is_asgi(ASGI[name])


@pytest.mark.parametrize("name", list(WSGI))
def test_wsgi(name: str) -> None:
    assert not is_asgi(WSGI[name])


def test_django() -> None:
    # Making one would need settings.
    assert is_asgi(ASGIHandler.__new__(ASGIHandler))
    assert not is_asgi(WSGIHandler.__new__(WSGIHandler))
