"""The environ of a request, and the response to it: `gunicorn.http.wsgi.create`.

For workers with their own network code, and for those that answer a request of the engine on its
socket. The engine builds the environ of its own requests itself; a test compares the two.
"""

from __future__ import annotations

import os
import shutil
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from licorne.http import errors, wsgi
from licorne.http.body import Body
from licorne.http.message import environ_fields
from licorne.http.views import Request as ExchangeRequest
from licorne.http.wsgi import base_environ
from licorne.legacy.util import unquote_to_wsgi_str

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from licorne.config import Config
    from licorne.http.message import Peer, Request
    from licorne.http.response import Response

_SECURE = "https"


class Decoded(Body):
    """A body in chunks that was read to its end: its length is known, and it is whole."""

    def __init__(self, body: BinaryIO, cfg: Config) -> None:
        """Read it; what is wrong with its chunks is raised here."""
        self._spool = SpooledTemporaryFile(  # noqa: SIM115 - it is closed with this object
            cfg.body_buffer_size, dir=cfg.tmp_upload_dir
        )
        try:
            shutil.copyfileobj(body, self._spool)
        except BaseException:
            self._spool.close()
            raise
        #: Bytes of the whole body.
        self.length = self._spool.tell()
        self._spool.seek(0)
        super().__init__(self._spool)

    def close(self) -> None:
        """The file goes with it."""
        super().close()
        self._spool.close()


def create(  # noqa: PLR0917 - gunicorn's arguments
    req: Request,
    sock: socket.socket,
    client: Peer,
    server: Peer,
    cfg: Config,
    response_class: type[Response] | None = None,
    response_args: tuple[object, ...] = (),
) -> tuple[Response, dict[str, object]]:
    """The response to a request, and the environ that the application gets."""
    resp = (response_class or wsgi.Response)(req, sock, cfg, *response_args)
    resp.ask_for_body()
    environ = default_environ(req, sock, cfg)
    environ["wsgi.early_hints"] = resp.early_hints
    environ.update(_fields(req))
    if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None:
        # RFC 9112, section 7.1.3: the length takes its place, as on the engine.
        body = environ["wsgi.input"] = Decoded(cast("BinaryIO", environ["wsgi.input"]), cfg)
        environ["CONTENT_LENGTH"] = str(body.length)
    # What a trusted proxy says of the client, if the settings believe it.
    environ.update(_client(client if req.remote_addr == req.peer_addr else req.remote_addr))
    environ["SERVER_NAME"], environ["SERVER_PORT"] = _server(server, req)
    environ.update(_path(req))
    environ.update(_proxied(req))
    return resp, environ


def tell_changes(
    req: ExchangeRequest, environ: dict[str, object], changed: set[str], server: object
) -> None:
    """Put into an environ of the engine what several attributes of its request decide together.

    They were changed by a hook; `server` is the address of the listener.
    """
    if "path" in changed:
        environ.update(_path(req))
    if changed & {"scheme", "host"} and not isinstance(server, tuple):
        # On a unix socket.
        environ["SERVER_NAME"], environ["SERVER_PORT"] = _server("", req)
    environ.update(_proxied(req))


def default_environ(req: Request, sock: socket.socket, cfg: Config) -> dict[str, object]:
    """What the request line says, over what all requests share."""
    environ = base_environ(cfg)
    # The body of an exchange is complete: it is taken out whole.
    body = req.exchange.take_body() if isinstance(req, ExchangeRequest) else req.body
    environ.update(
        {
            "wsgi.input": body,
            "wsgi.url_scheme": req.scheme,
            "gunicorn.socket": sock,
            "REQUEST_METHOD": req.method,
            "QUERY_STRING": req.query,
            "RAW_URI": req.uri,
            "SERVER_PROTOCOL": req.protocol,
        }
    )
    return environ


def _fields(req: Request) -> dict[str, str]:
    """The header fields."""
    fields = environ_fields(req.headers)
    # Of the target, or of a proxy: it replaces the field (RFC 9112, section 3.2.2).
    return fields if req.host is None else {**fields, "HTTP_HOST": req.host}


def _proxied(req: Request) -> dict[str, str]:
    """What a worker or a hook has read of the PROXY protocol."""
    told = req.proxy_protocol_info
    if not told:
        return {}
    names = {
        "PROXY_PROTOCOL": "proxy_protocol", "REMOTE_ADDR": "client_addr",
        "REMOTE_PORT": "client_port", "PROXY_ADDR": "proxy_addr", "PROXY_PORT": "proxy_port",
    }  # fmt: skip
    said = {key: told.get(name) for key, name in names.items()}
    # Where it names no client, the socket's address holds.
    given = {key: str(value) for key, value in said.items() if value is not None}
    tlvs = told.keys() - set(names.values())
    return {**given, **{f"PROXY_{name.upper()}": str(told[name]) for name in tlvs}}


def _client(client: Peer) -> dict[str, str]:
    if isinstance(client, tuple):
        named = {"REMOTE_ADDR": client[0]}
        # A proxy may tell the address alone.
        return {**named, "REMOTE_PORT": str(client[1])} if client[1] else named
    return {"REMOTE_ADDR": os.fsdecode(client or b"")}


def _server(server: Peer, req: Request) -> tuple[str, str]:
    """SERVER_NAME and SERVER_PORT; on unix sockets what Host says."""
    if isinstance(server, tuple):
        return server[0], str(server[1])
    name, colon, port = (req.host or "").rpartition(":")
    if not colon or port.endswith("]"):
        name, port = req.host or "", ""
    return name, port or ("443" if req.scheme == _SECURE else "80")


def _path(req: Request) -> dict[str, str]:
    """SCRIPT_NAME, by a trusted peer or the process's environment, and PATH_INFO behind it."""
    named = [value for name, value in req.headers if name == "SCRIPT_NAME"]
    script_name = named[-1] if named else os.environ.get("SCRIPT_NAME", "")
    if not req.path.startswith(script_name):
        raise errors.ConfigurationProblem(
            f"the request path does not start with SCRIPT_NAME {script_name!r}"
        )
    path = unquote_to_wsgi_str(req.path.removeprefix(script_name))
    return {"SCRIPT_NAME": script_name, "PATH_INFO": path}
