"""The worker's identity. Imports nothing that a user without rights could not read any more."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """One fact a line, as `NAME VALUE`."""
    del environ
    mask = os.umask(0)
    os.umask(mask)
    facts = {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": ",".join(map(str, sorted(os.getgroups()))),
        "umask": oct(mask),
        "cwd": os.getcwd(),
        "variable": os.environ.get("A_VARIABLE", ""),
        "session": os.getsid(0),
        "parent": os.getppid(),
    }
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["".join(f"{name} {value}\n" for name, value in facts.items()).encode()]
