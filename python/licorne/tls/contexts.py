"""TLS by Python's ssl, as the settings and the hook `ssl_context` describe it.

For workers with their own sockets: connections of the engine are not Python's.
"""

from __future__ import annotations

import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from licorne.config import Config


def ssl_context(conf: Config) -> ssl.SSLContext:
    """The context of the listeners: what the hook returns, which may ask for the usual one."""

    def default() -> ssl.SSLContext:
        if not conf.certfile:
            raise ValueError("TLS needs a certificate: set certfile (keyfile may be a part of it)")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=conf.ca_certs)
        context.load_cert_chain(conf.certfile, conf.keyfile)
        context.verify_mode = ssl.VerifyMode(conf.cert_reqs)
        if conf.ciphers:
            context.set_ciphers(conf.ciphers)
        return context

    made = conf.ssl_context(conf, default)
    if not isinstance(made, ssl.SSLContext):
        raise TypeError(f"the hook ssl_context must return an ssl.SSLContext, not {made!r}")
    return made


def ssl_wrap_socket(sock: socket.socket, conf: Config) -> ssl.SSLSocket:
    """A connection of a client, with TLS."""
    return ssl_context(conf).wrap_socket(
        sock,
        server_side=True,
        suppress_ragged_eofs=conf.suppress_ragged_eofs,
        do_handshake_on_connect=conf.do_handshake_on_connect,
    )
