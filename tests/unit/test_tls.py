"""`gunicorn.sock.ssl_context`: TLS for workers with their own sockets."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from licorne import sock
from licorne.config import Config
from patience import PATIENCE

#: A key and a certificate for `localhost` that it has signed itself.
PEM = Path(__file__).with_name("localhost.pem")


def config(**settings: object) -> Config:
    cfg = Config()
    for name, value in settings.items():
        cfg.set(name, value)
    return cfg


def test_a_conversation() -> None:
    ours, theirs = socket.socketpair()
    client = ssl.create_default_context(cafile=str(PEM))
    with ours, theirs:
        ours.settimeout(PATIENCE)
        theirs.settimeout(PATIENCE)
        said: list[bytes] = []

        def talk() -> None:
            with client.wrap_socket(theirs, server_hostname="localhost") as wrapped:
                wrapped.sendall(b"hello")
                said.append(wrapped.recv(10))

        thread = threading.Thread(target=talk)
        thread.start()
        cfg = config(certfile=str(PEM), do_handshake_on_connect=True)
        with sock.ssl_wrap_socket(ours, cfg) as wrapped:
            assert wrapped.recv(10) == b"hello"
            wrapped.sendall(b"and back")
            thread.join(PATIENCE)
        assert said == [b"and back"]


def test_the_settings() -> None:
    cfg = config(certfile=str(PEM), ca_certs=str(PEM), cert_reqs=2, ciphers="ECDHE+AESGCM")
    context = sock.ssl_context(cfg)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not [
        each
        for each in context.get_ciphers()
        if "CHACHA" in each["name"] and each["protocol"] != "TLSv1.3"
    ]


def test_the_hook() -> None:
    def stricter(_conf: object, default: object) -> object:
        assert callable(default)
        context = default()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    cfg = config(certfile=str(PEM), ssl_context=stricter)
    assert sock.ssl_context(cfg).minimum_version is ssl.TLSVersion.TLSv1_3


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(ValueError, match="TLS needs a certificate"):
        sock.ssl_context(Config())
    with pytest.raises(TypeError, match=r"must return an ssl\.SSLContext, not None"):
        sock.ssl_context(config(certfile=str(PEM), ssl_context=lambda _conf, _default: None))
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = sock.nope
