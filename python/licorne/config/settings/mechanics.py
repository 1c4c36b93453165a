"""The process itself: configuration file, identity, files, daemon, names."""

from __future__ import annotations

import os
import sys

from licorne import aliases
from licorne.config import convert
from licorne.config.option import Section, computed, derived, option


def _process_name(holder: Section, value: object) -> str:
    return str(holder.values["default_proc_name"] if value is None else value)


def _server_name() -> str:
    return aliases.product(sys.argv[0] if sys.argv else "")


class ConfigFile(Section):
    """Config file"""

    config: str | None = option(
        "-c", "--config",
        default="./gunicorn.conf.py", metavar="CONFIG", reload="restart",
        doc="""The configuration file: a path, `file:PATH` or `python:MODULE`.

        Without it, ./licorne.conf.py or ./gunicorn.conf.py is read if it is there.
        """,
    )  # fmt: skip
    wsgi_app: str | None = option(
        default=None,
        doc="The application, `MODULE:NAME`, when none is named on the command line.",
    )


class Mechanics(Section):
    """Server mechanics"""

    preload_app: bool = option(
        "--preload",
        default=False,
        doc="""Load the application once, in a process from which the workers are forked.

        This process, the mold, is made anew at each reload; the hook pre_fork runs in it. On
        systems other than Linux the application is loaded in the master.
        """,
    )
    chdir: str = computed(
        "--chdir",
        factory=convert.working_directory,
        convert=convert.directory,
        metavar="DIR",
        doc="""Change to this directory before the application is loaded.

        A configuration file is looked for where the server was started.
        """,
    )
    daemon: bool = option(
        "-D",
        "--daemon",
        default=False,
        reload="restart",
        doc="Run in the background, detached from the terminal.",
    )
    raw_env: list[str] = option(
        "-e",
        "--env",
        default=[],
        metavar="ENV",
        doc="Set a variable of the environment, `KEY=VALUE`; may be given several times.",
    )
    pidfile: str | None = option(
        "-p",
        "--pid",
        default=None,
        metavar="FILE",
        doc="Write the master's process id to this file.",
    )
    worker_tmp_dir: str | None = option(
        "--worker-tmp-dir",
        default=None,
        convert=convert.optional_directory,
        metavar="DIR",
        doc="""Directory for temporary files of workers (large request bodies).

        gunicorn kept its heartbeat files there; licorne has none.
        """,
    )
    user: int = computed(
        "-u",
        "--user",
        factory=os.geteuid,
        convert=convert.user,
        metavar="USER",
        doc="Run the workers as this user, by name or number.",
    )
    group: int = computed(
        "-g",
        "--group",
        factory=os.getegid,
        convert=convert.group,
        metavar="GROUP",
        doc="Run the workers as this group, by name or number.",
    )
    umask: int = option(
        "-m",
        "--umask",
        default=0,
        convert=convert.mode,
        doc="Permission bits that new files and unix sockets do not get; the text `022` is octal.",
    )
    initgroups: bool = option(
        "--initgroups",
        default=False,
        doc="Give the workers all groups of their user.",
    )
    tmp_upload_dir: str | None = option(
        default=None,
        doc="Directory for large request bodies; the system's temporary directory by default.",
    )
    pythonpath: str | None = option(
        "--pythonpath",
        default=None,
        doc="Directories, with commas, to put first on Python's path.",
    )
    paste: str | None = option(
        "--paste",
        "--paster",
        default=None,
        doc="""Serve the application of a PasteDeploy file, `FILE` or `FILE#SECTION`.

        A logging configuration in the file is used too. Needs the package PasteDeploy
        (`licorne[paste]`).
        """,
    )
    raw_paste_global_conf: list[str] = option(
        "--paste-global",
        default=[],
        metavar="CONF",
        doc="A variable for the PasteDeploy file, `KEY=VALUE`; repeatable. `\\=` is a plain `=`.",
    )


class ProcessNaming(Section):
    """Process naming"""

    proc_name: str = derived(
        "-n",
        "--name",
        default=None,
        view=_process_name,
        convert=convert.optional_text,
        doc="A name for the processes, shown by ps when the package setproctitle is installed.",
    )
    default_proc_name: str = computed(
        factory=_server_name,
        doc="The name used when proc_name is not set; the application's by default.",
    )
