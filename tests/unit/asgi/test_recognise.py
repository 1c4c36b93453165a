"""ASGI applications are told from WSGI ones by how they can be called."""

from __future__ import annotations

import asyncio
import functools
import operator
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from licorne.asgi.recognise import asgi3, is_asgi
from licorne.errors import StartFailed

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


class Kept:
    """An application that notes how it was called."""

    called: list[object]

    def __init__(self) -> None:
        self.called = []

    async def single(self, *arguments: object) -> None:
        self.called += arguments

    def function(self, scope: object, receive: object, send: object) -> object:
        return self.single(scope, receive, send)

    def double(self, anything: object) -> Callable[..., object]:
        self.called.append(anything)
        return self.single

    def any(self, *arguments: object) -> object:
        return self.single(*arguments)

    def awaitable(self, scope: object, receive: object, send: object) -> object:
        return asyncio.ensure_future(self.single(scope, receive, send))


@pytest.mark.parametrize("name", ["single", "function", "double", "any", "awaitable"])
def test_each_form_is_called_as_one_that_makes_a_coroutine(name: str) -> None:
    kept = Kept()
    app = asgi3(getattr(kept, name))

    async def main() -> None:
        await asyncio.create_task(app({"type": "http"}, receive, send))

    async def receive() -> dict[str, object]:
        return {}

    async def send(_message: object) -> None: ...

    asyncio.run(main())
    assert kept.called == [{"type": "http"}, receive, send]


@pytest.mark.parametrize("name", [*ASGI])
def test_what_is_recognised_is_taken(name: str) -> None:
    app = ASGI[name]
    is_coroutine = name in {
        "a coroutine function", "with more", "partial", "partial of partial", "an object",
        "a method", "a partial object",
    }  # fmt: skip
    assert (asgi3(app) is app) == is_coroutine


#: With the worker type given, what could be either is taken for ASGI.
EITHER = {
    "lambda", "any arguments", "a decorated view", "a decorated function of three",
    "of C, without one", "of C, a method", "of C, an object", "a mock", "one argument",
}  # fmt: skip


@pytest.mark.parametrize("name", [*WSGI])
def test_wsgi_is_refused_with_words(name: str) -> None:
    if name in EITHER:
        assert callable(asgi3(WSGI[name]))
        return
    with pytest.raises(StartFailed, match=r"calls app\(scope, receive, send\)|cannot be called"):
        asgi3(WSGI[name])


def test_a_coroutine_function_of_another_shape_is_refused() -> None:
    async def factory(scope: object) -> None: ...

    with pytest.raises(StartFailed, match=r"factory\(scope: 'object'\) -> 'None' cannot be"):
        asgi3(factory)
