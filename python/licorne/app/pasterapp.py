"""PasteDeploy: applications and servers described by an ini file.

`--paste FILE.ini#section` serves the file's application (`WSGIApplication`); `serve` is the entry
point `paste.server_runner`, by which `pserve` starts licorne with the application that it loaded.
"""

# ruff: noqa: PLC0415 - configparser and the optional package only when a file is read

from __future__ import annotations

import os
import sys

from licorne import aliases
from licorne.app.base import Application
from licorne.app.wsgiapp import WSGIApplication
from licorne.config import sources
from licorne.errors import AppImportError, ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

    from _typeshed.wsgi import WSGIApplication as WSGIApp

    from licorne.config import Config


def get_wsgi_app(
    config_uri: str, name: str | None = None, defaults: Mapping[str, str] | None = None
) -> WSGIApp:
    """The application of a file, `FILE` or `FILE#SECTION`; `defaults` are its global variables."""
    from importlib import import_module

    try:
        # By name: an optional package is no dependency of the type check.
        loadapp = import_module("paste.deploy").loadapp
    except ModuleNotFoundError as error:
        if error.name not in {"paste", "paste.deploy"}:
            raise
        raise AppImportError(
            f"{config_uri!r} needs the package PasteDeploy: pip install 'licorne[paste]'"
        ) from None
    uri = config_uri if ":" in config_uri else f"config:{config_uri}"
    loaded: WSGIApp = loadapp(uri, name=name, relative_to=os.getcwd(), global_conf=defaults)
    return loaded


def has_logging_config(config_file: str) -> bool:
    """Whether the file also configures the logging, as `logging.config.fileConfig` reads it."""
    from configparser import ConfigParser
    from configparser import Error as BadFile

    parser = ConfigParser(interpolation=None)
    try:
        parser.read([config_file])
    except (BadFile, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read the PasteDeploy file {config_file!r}: {error}") from None
    return parser.has_section("loggers")


def take_over(cfg: Config, config_file: str, origin: str) -> None:
    """What a file says besides its application: the processes' name, and perhaps the logging."""
    cfg.set("default_proc_name", config_file, origin)
    if has_logging_config(config_file) and cfg.is_default("logconfig"):
        cfg.set("logconfig", config_file, origin)


class Served(Application):
    """An application that a Paste server runner was given, with the settings of its section."""

    def __init__(self, app: WSGIApp, file: str, section: Mapping[str, str | None]) -> None:
        self._app = app
        self._file = file
        self._section = section
        super().__init__()

    def load_config(self) -> None:
        """The logging of the file, then a configuration file, then the section itself."""
        aliases.install()
        section = dict(self._section)
        take_over(self.cfg, self._file, origin=self._file)
        named = section.pop("config", None) or sources.default_file()
        if named is not None:
            self.load_config_from_file(named)
        host, port = section.pop("host", None), section.pop("port", None)
        if host:
            section["bind"] = f"{host}:{port}" if port else host
        given = {name: value for name, value in section.items() if value is not None}
        sources.apply(self.cfg, sources.Source(self._file, given))

    def load(self) -> WSGIApp:
        """The application as it was given."""
        return self._app


def serve(app: WSGIApp, global_conf: Mapping[str, str], **local_conf: str | None) -> None:
    """Serve an application for PasteDeploy: `use = egg:licorne#main` in a `[server:main]`.

    The section's other entries are settings; `host` and `port` stand for `bind`, and `config`
    names a configuration file.
    """
    Served(app, global_conf["__file__"], local_conf).run()


class PasterApplication(WSGIApplication):
    """The command of older guides, `gunicorn_paster [OPTIONS] FILE.ini`."""

    def init(self, parser: ArgumentParser, opts: Namespace, args: list[str]) -> None:
        """The one argument is the file."""
        del opts
        if len(args) != 1:
            parser.error("give one PasteDeploy file, FILE.ini or FILE.ini#section")
        self.cfg.set("paste", args[0], origin="command line")


def run(prog: str | None = None) -> None:
    """The entry point of `gunicorn_paster`."""
    print("gunicorn_paster FILE.ini is now: gunicorn --paste FILE.ini", file=sys.stderr)
    PasterApplication("%(prog)s [OPTIONS] FILE.ini", prog=prog).run()
