"""The command `licorne [OPTIONS] [APP_MODULE]`; as a script, `python wsgiapp.py app:app`."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__" and __package__ in {None, ""}:
    # As a script, Python puts this folder first on the path: the package is two levels above, and
    # names such as `app` must mean the user's modules.
    HERE = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path != HERE]
    sys.path.append(os.path.dirname(os.path.dirname(HERE)))

from licorne import util
from licorne.app import subcommands
from licorne.app.base import Application
from licorne.errors import ConfigError
from licorne.system import upgrade

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from _typeshed.wsgi import WSGIApplication as WSGIApp


class WSGIApplication(Application):
    """The application named on the command line or by the setting `wsgi_app`."""

    app_uri: str | None = None

    def init(self, parser: ArgumentParser, opts: Namespace, args: list[str]) -> None:
        """Keep the application's name; the name of the processes follows it."""
        del parser, opts
        self.app_uri = None
        # `licorne "$APP"` with nothing in the variable names none.
        if args and args[0]:
            self.app_uri = args[0]
            self.cfg.set("default_proc_name", args[0], origin="command line")

    def load_config(self) -> None:
        """Fold all sources; then there must be an application."""
        super().load_config()
        if self.cfg.paste is not None:
            self._take_over_paste(self.cfg.paste)
        if self.app_uri is None:
            if self.cfg.wsgi_app is None:
                from licorne.app.missing import complaint  # noqa: PLC0415 - only for a refusal

                raise ConfigError(complaint(self.cfg, upgrade.start_of(self).directory))
            self.app_uri = self.cfg.wsgi_app

    def load_wsgiapp(self) -> WSGIApp:
        """Import the application."""
        return util.import_app(str(self.app_uri))

    def load_pasteapp(self) -> WSGIApp:
        """Load the application of the PasteDeploy file."""
        from licorne.app.pasterapp import get_wsgi_app  # noqa: PLC0415 - few need it

        return get_wsgi_app(str(self.app_uri), defaults=self.cfg.paste_global_conf)

    def load(self) -> WSGIApp:
        """The application to serve."""
        return self.load_wsgiapp() if self.cfg.paste is None else self.load_pasteapp()

    def _take_over_paste(self, paste: str) -> None:
        from licorne.app.pasterapp import take_over  # noqa: PLC0415 - few need it

        # As the configuration file: from where the server was started, whatever `chdir` says.
        self.app_uri = os.path.normpath(os.path.join(upgrade.start_of(self).directory, paste))
        file = self.app_uri.partition("#")[0]
        origin = f"paste, {self.cfg.origins['paste']}"
        if not os.path.isfile(file):
            raise ConfigError(f"{file!r} not found (from {origin}): give a PasteDeploy file.")
        take_over(self.cfg, file, origin)


def run(prog: str | None = None) -> None:
    """The entry point of the command."""
    done = subcommands.run(prog, sys.argv)
    if done is not None:
        sys.exit(done)
    WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog=prog).run()


if __name__ == "__main__":
    run()
