"""For development: reloading when a file changes, and looking at the configuration."""

from __future__ import annotations

from licorne.config import convert
from licorne.config.option import Section, option


class Debugging(Section):
    """Debugging"""

    reload: bool = option(
        "--reload",
        default=False,
        reload="restart",
        doc="""Replace the workers when a file of the application changes; for development.

        Watched are the modules that a worker has imported and `reload_extra_files`. An application
        that cannot be loaded is answered with its traceback until a change brings it back.
        """,
    )
    reload_engine: str = option(
        "--reload-engine",
        default="auto",
        choices=("auto", "poll", "inotify"),
        reload="restart",
        doc="""How changes are noticed: `auto`, `poll` or `inotify`.

        `poll` looks at the times of the files each second. `inotify` is told by the kernel, through
        the package watchfiles; `auto` does so when that is installed.
        """,
    )
    reload_extra_files: list[str] = option(
        "--reload-extra-file",
        default=[],
        convert=convert.Each(convert.watched_if_absolute),
        metavar="FILES",
        reload="restart",
        doc="""Another file to watch with `reload`; may be given several times.

        A path, or a pattern (`templates/**/*.html`) that is expanded again at each look.
        """,
    )
    spew: bool = option(
        "--spew",
        default=False,
        reload="restart",
        doc="Print every line of Python that is run to standard output. Slow beyond use.",
    )
    check_config: bool = option(
        "--check-config",
        default=False,
        doc="Check the configuration and the application, and exit: 0 if both can be used.",
    )
    print_config: bool = option(
        "--print-config",
        default=False,
        doc="Print every setting with its value and origin, then do as --check-config.",
    )
