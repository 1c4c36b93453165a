"""`BaseApplication` and `Application`: from settings to a running arbiter.

`BaseApplication` is what other programs embed: it never reads the command line. `Application` is
a command: configuration file, environment and command line.
"""

# ruff: noqa: PLC0415 - start-up time: what a plain start does not need is imported on demand

from __future__ import annotations

import os
import sys

from licorne import aliases, ondemand
from licorne.config import Config, sources
from licorne.config.convert import working_directory
from licorne.errors import AppImportError, ConfigError, StartFailed
from licorne.system import upgrade

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Mapping

    from _typeshed.wsgi import WSGIApplication as WSGIApp

    from licorne.arbiter import Arbiter as Arbiter  # noqa: PLC0414 - see below
    from licorne.config import get_default_config_file as get_default_config_file  # noqa: PLC0414
    from licorne.config.cli import Parser
    from licorne.glogging import Logger


class BaseApplication:
    """A configured application; subclasses write `load`, and `load_config` or `init`.

    What a subclass leaves out by not calling `__init__` has its default on the class.
    """

    usage: str | None = None
    prog: str | None = None
    callable: WSGIApp | None = None
    logger: Logger | None = None
    #: How and where the process was started, before any setting leads elsewhere.
    started_as: upgrade.Start | None = None

    def __init__(self, usage: str | None = None, prog: str | None = None) -> None:
        self.started_as = upgrade.Start(working_directory())
        self.usage = usage
        self.cfg: Config
        self.callable = None
        self.prog = prog
        self.logger = None
        self.do_load_config()

    def do_load_config(self) -> None:
        """Load the settings; what is wrong with them ends the process with status 1."""
        try:
            self.load_default_config()
            self.load_config()
            self.cfg.validate()
            aliases.meet_hooks()
        except sources.ConfigFileError as error:
            _print_config_file_error(error)
            sys.exit(1)
        except Exception as error:
            # Config files and frameworks run user code: anything may come out of it.
            print(f"\nError: {error}", file=sys.stderr)
            sys.stderr.flush()
            sys.exit(1)

    def load_default_config(self) -> None:
        """Start from the defaults."""
        self.cfg = Config(self.usage, prog=self.prog)

    def init(
        self, parser: ArgumentParser, opts: Namespace, args: list[str]
    ) -> Mapping[str, object] | None:
        """Framework settings, from a parsed command line. To be written by subclasses."""
        raise NotImplementedError

    def load(self) -> WSGIApp:
        """The application to serve. To be written by subclasses."""
        raise NotImplementedError

    def load_config(self) -> None:
        """Set the settings. To be written by subclasses."""
        raise NotImplementedError

    def reload(self) -> None:
        """Load the settings anew (HUP). When they cannot be used, the present ones stay."""
        present = self.cfg
        try:
            self.load_default_config()
            self.load_config()
            self.cfg.validate()
        except BaseException:
            self.cfg = present
            raise

    def wsgi(self) -> WSGIApp:
        """The application, loaded once."""
        if self.callable is None:
            self.callable = self.load()
        return self.callable

    def run(self) -> None:
        """Serve until told to stop."""
        aliases.install()
        try:
            sys.modules[__name__].Arbiter(self).run()
        except (RuntimeError, ConfigError, AppImportError) as error:
            print(f"\nError: {error}\n", file=sys.stderr)
            sys.stderr.flush()
            sys.exit(1)


def _print_config_file_error(error: sources.ConfigFileError) -> None:
    import traceback

    print(error, file=sys.stderr)
    traceback.print_exception(error.__cause__)
    sys.stderr.flush()


class Application(BaseApplication):
    """An application run by a command."""

    def chdir(self) -> None:
        """Go to the configured directory and look for modules there first."""
        os.chdir(self.cfg.chdir)
        if self.cfg.chdir not in sys.path:
            sys.path.insert(0, self.cfg.chdir)

    def get_config_from_filename(self, filename: str) -> dict[str, object]:
        """The settings in a configuration file."""
        return sources.of_file(filename)

    def get_config_from_module_name(self, module_name: str) -> dict[str, object]:
        """The settings in a module."""
        return sources.of_module(module_name)

    def load_config_from_module_name_or_filename(self, location: str) -> dict[str, object]:
        """Apply a configuration file (`PATH`, `file:PATH`) or module (`python:MODULE`)."""
        if location.startswith(sources.MODULE):
            values = self.get_config_from_module_name(location.removeprefix(sources.MODULE))
        else:
            location = location.removeprefix("file:")
            values = self.get_config_from_filename(location)
        sources.apply(self.cfg, sources.Source(location, sources.known(values)))
        return values

    def load_config_from_file(self, filename: str) -> dict[str, object]:
        """Apply a configuration file or module."""
        return self.load_config_from_module_name_or_filename(filename)

    def load_config(self) -> None:
        """Fold all sources: framework, file, environment, command line (`config.sources`)."""
        # Configuration files import from gunicorn.
        aliases.install()
        words = sys.argv[1:]
        env_words = {name: sources.environment_words(name) for name in sources.WORD_VARIABLES}
        parser = self._parser([*words, *(word for each in env_words.values() for word in each)])
        given = parser.parse_args(words)
        # Late: --help does without. Configuration files put filters on loggers, by either name.
        from licorne.glogging.handlers import share_names

        share_names()
        framework = self.init(parser, given, given.args)
        parsed_env = {
            name: parser.parse_from(name, each) for name, each in env_words.items() if each
        }
        layers = [
            *(sources.from_flags(name, each) for name, each in parsed_env.items()),
            *sources.from_variables(),
            sources.from_flags("command line", given),
        ]
        # Files are looked for where the server was started: `chdir` counts when all is read.
        self.chdir()
        if framework:
            sources.apply(self.cfg, sources.Source("the application", framework))
        # `-c "$FILE"` with nothing in the variable names no file.
        naming = [layer for layer in layers if layer.values.get("config")]
        if naming:
            self._load_named_file(str(naming[-1].values["config"]), naming[-1].origin)
        else:
            for location in sources.found_files():
                self.load_config_from_file(location)
        for layer in layers:
            sources.apply(self.cfg, layer)
        self.chdir()
        asked: list[str] | None = getattr(given, "explain_proxy", None)
        peer: str | None = getattr(given, "explain_from", None)
        if asked is not None:
            self._explain_proxy(asked, peer or "127.0.0.1")
        if peer is not None:
            raise ConfigError("--from names a header's sender: give --explain-proxy HEADER too.")

    def _load_named_file(self, location: str, origin: str) -> None:
        """The file that a flag or a variable names; an error names the variable."""
        try:
            self.load_config_from_file(location)
        except sources.ConfigFileError:
            raise
        except (ConfigError, ImportError, OSError) as error:
            if origin == "command line":
                raise
            raise ConfigError(f"{error} (config, from {origin})") from error

    def _explain_proxy(self, lines: list[str], peer: str) -> None:
        """Answer `--explain-proxy`; no application is needed for it."""
        from licorne.http.rules import explain_proxy

        self.cfg.validate()
        print(explain_proxy(self.cfg, lines, peer), end="")
        sys.exit(0)

    def _parser(self, words: list[str]) -> Parser:
        from licorne.config.cli import parser

        return parser(self.usage, self.prog, words)

    def run(self) -> None:
        """Check and show the configuration if asked to; else become a server."""
        if self.cfg.print_config:
            print(self.cfg, end="")
        for path in map(os.path.abspath, (self.cfg.pythonpath or "").split(",")):
            if self.cfg.pythonpath and path not in sys.path:
                sys.path.insert(0, path)
        if self.cfg.print_config or self.cfg.check_config:
            self._check_and_exit()
        if self.cfg.spew:
            from licorne import debug

            debug.spew()
        if self.cfg.daemon:
            from licorne import util

            util.daemonize(self.cfg.enable_stdio_inheritance)
        super().run()

    def _check_and_exit(self) -> None:
        """Everything that a start would need: the machine, classes, the application."""
        from licorne.config import preflight

        problems = list(preflight.complaints(self.cfg))
        if self.cfg.is_ssl:
            from licorne.tls import material

            problems += material.complaints(self.cfg)
        for problem in problems:
            print(f"\nError: {problem}", file=sys.stderr)
        try:
            check = getattr(self.cfg.worker_class, "check_config", None)
            logger_class = self.cfg.logger_class
            if check is not None and not problems:
                check(self.cfg, logger_class(self.cfg))
        except (RuntimeError, ConfigError) as error:
            print(f"\nError: {error}", file=sys.stderr)
            sys.exit(1)
        try:
            loaded = self.load()
            fits = getattr(self.cfg.worker_class, "check_application", None)
            if fits is not None:
                fits(self.cfg, loaded)
        except (ConfigError, AppImportError, StartFailed) as error:
            print(f"\nError: {error}", file=sys.stderr)
            sys.exit(1)
        except Exception:
            # The user's application: whatever it raises, its traceback is the answer.
            import traceback

            print("\nError while loading the application:\n", file=sys.stderr)
            traceback.print_exc()
            sys.stderr.flush()
            sys.exit(1)
        sys.exit(1 if problems else 0)


#: gunicorn's names; programs put an arbiter of their own in place of the first.
__getattr__: Callable[[str], object] = ondemand.names(
    __name__, {"Arbiter": "licorne.arbiter", "get_default_config_file": "licorne.config"}
)
