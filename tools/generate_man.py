"""docs/licorne.1: the manual page, in the macros of man(7)."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from generate_settings import default, documentation
from licorne.config.settings import OPTIONS

if TYPE_CHECKING:
    from licorne.config.option import Option

HEAD = r""".\" Generated from the declarations of the settings: make generate
.TH LICORNE 1 "" "licorne" "User Commands"
.SH NAME
licorne \- application server for Python
.SH SYNOPSIS
.B licorne
[\fIOPTIONS\fR] [\fIAPP_MODULE\fR]
.br
.B licorne init
[\fB\-\-force\fR] [\fIFOLDER\fR]
.br
.B licorne migrate
[\fB\-\-from\fR \fIKIND\fR] \fIFILE\fR | \-\- \fICOMMAND\fR
.SH DESCRIPTION
Serves the WSGI application \fIAPP_MODULE\fR, written
.IR MODULE : NAME
or
.IR MODULE : factory (...),
with worker processes that a master starts, watches and replaces.
.PP
.B init
writes a small licorne.toml for the application that it finds in a folder.
.B migrate
prints one made from the configuration or the command line of gunicorn, uWSGI, NGINX Unit,
uvicorn, granian or hypercorn. A module of one of these names is served as
.IR init :application.
"""

TAIL = r""".SH ENVIRONMENT
.TP
.B LICORNE_CMD_ARGS, GUNICORN_CMD_ARGS
Flags, weaker than those of the command line.
.TP
.BI LICORNE_ NAME
The setting \fINAME\fR, such as \fBLICORNE_WORKERS=4\fR; stronger than the flags above.
.TP
.B PORT, WEB_CONCURRENCY, FORWARDED_ALLOW_IPS, SENDFILE
Defaults of bind, workers, forwarded_allow_ips and sendfile.
.SH FILES
.TP
.B licorne.conf.py, gunicorn.conf.py
Settings as Python, in the working directory; the first that is there.
.TP
.B pyproject.toml, licorne.toml
Settings as TOML, in the table [tool.licorne] or at the top. With
.B \-c
only the file that it names is read.
.SH SIGNALS
.TP
.B HUP
Reload: settings, application, workers.
.TP
.B TERM
Stop when the requests in hand are answered.
.TP
.B INT, QUIT
Stop at once.
.TP
.B TTIN, TTOU
One worker more, one less.
.TP
.B USR1
Open the log files anew.
.TP
.B USR2
Start a new master, with the program on disk, beside this one.
.TP
.B WINCH
Stop the workers, in the background only.
.SH EXIT STATUS
.TP
.B 0
Stopped by a signal, or the configuration that was checked can be used.
.TP
.B 1
An error in the configuration, or an address that cannot be listened to.
.TP
.B 2
A mistake on the command line.
.TP
.B 3
A worker could not boot.
.TP
.B 4
The application could not be found in its module.
"""


def manual_page() -> str:
    """The page."""
    parts = [HEAD, ".SH OPTIONS\n", *OWN]
    flagged = [option for option in OPTIONS.values() if option.flags]
    for section, options in groupby(flagged, key=lambda option: option.section):
        parts.append(f".SS {section}\n")
        parts.extend(map(_entry, options))
    parts.append(".SH SETTINGS WITHOUT A FLAG\nFor the configuration file.\n")
    parts.extend(_entry(option) for option in OPTIONS.values() if not option.flags)
    return "".join([*parts, TAIL])


OWN = (
    ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nShow the flags that most people need and exit.\n",
    ".TP\n\\fB\\-\\-help\\-all\\fR\nShow every flag and exit.\n",
    ".TP\n\\fB\\-v\\fR, \\fB\\-\\-version\\fR\nShow the version and exit.\n",
    ".TP\n\\fB\\-\\-schema\\fR\nPrint a JSON schema of the settings and exit.\n",
    ".TP\n\\fB\\-\\-completion\\fR \\fIbash\\fR|\\fIzsh\\fR|\\fIfish\\fR\n"
    "Print a script that completes flags in a shell and exit.\n",
    ".TP\n\\fB\\-\\-explain\\-proxy\\fR \\fIHEADER\\fR [\\fB\\-\\-from\\fR \\fIADDRESS\\fR]\n"
    "Say what the settings make of a proxy's header, such as X\\-Forwarded\\-Proto: https,\n"
    "and exit.\n",
)


def _entry(option: Option) -> str:
    names = ", ".join(f"\\fB{escaped(name)}\\fR" for name in option.flags or (option.name,))
    paragraphs = documentation(option).split("\n\n")
    if option.later:
        paragraphs.append(f"Not available yet: {option.later} is still to come.")
    paragraphs.append(f"Default: {default(option).strip('`')}.")
    text = "\n.IP\n".join(escaped(" ".join(each.split())) for each in paragraphs)
    setting = f" (setting \\fI{escaped(option.name)}\\fR)" if option.flags else ""
    return f".TP\n{names}{setting}\n{text}\n"


def escaped(text: str) -> str:
    """Text that roff prints as it is: backslashes, hyphens, and a leading period or quote."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in text)
    return f"\\&{text}" if text.startswith((".", "'")) else text
