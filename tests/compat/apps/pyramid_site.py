"""A Pyramid application as its documentation writes one, and a plain one beside it."""

from __future__ import annotations

import os

from pyramid.config import Configurator  # type: ignore[import-untyped]
from pyramid.response import Response  # type: ignore[import-untyped]


def hello(request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Repeat the name in the path, and what the ini file set."""
    colour = request.registry.settings["colour"]
    return Response(f"hello {request.matchdict['name']}, {colour}")


def main(global_config, **settings):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN201
    """The application factory (`paste.app_factory`)."""
    settings["colour"] = global_config.get("colour", settings.get("colour", "no colour"))
    with Configurator(settings=settings) as config:
        config.add_route("hello", "/hello/{name}")
        config.add_view(hello, route_name="hello")
        return config.make_wsgi_app()


def plain(global_config, **settings):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN201
    """The factory of a second section."""
    del global_config

    def app(_environ, start_response):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"plain {settings['word']} {os.path.basename(os.getcwd())}".encode()]

    return app
