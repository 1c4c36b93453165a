"""The rules for request heads, and the parser's words about a proxy's headers."""

from __future__ import annotations

import pytest

from licorne.config import Config
from licorne.http.rules import RequestRules, explain_proxy


def test_every_setting_is_taken_as_it_is() -> None:
    cfg = Config()
    cfg.set("client_address", "Forwarded")
    cfg.set("secure_scheme_headers", {"x-scheme": "tls"})
    rules = RequestRules(cfg)
    assert rules.client_address == "forwarded"
    assert rules.secure_scheme_headers == [("X-SCHEME", "tls")]


def test_a_host_of_ones_own_replaces_ours() -> None:
    told = explain_proxy(Config(), ["host: a b"], "127.0.0.1")
    assert "refused with 400" in told
    assert "refused" not in explain_proxy(Config(), ["Via: x"], "127.0.0.1")


def test_headers_of_the_settings_are_explained() -> None:
    cfg = Config()
    cfg.set("secure_scheme_headers", {"X-MY-TLS": "1"})
    cfg.set("header_map", "refuse")
    told = explain_proxy(cfg, ["X-My-Tls: 1"], "::1").splitlines()
    assert told[1:] == ["X-My-Tls: 1 -> believed: https", "so scheme https, client ::1"]
    assert "refused: underscore" in explain_proxy(cfg, ["X_A: 1"], "::1")


def test_what_a_header_holds_is_shown_in_ascii() -> None:
    told = explain_proxy(Config(), ["X-Forwarded-For: \u00e9\u202e"], "127.0.0.1")
    assert told.isascii()


@pytest.mark.parametrize("peer", ["proxy", "", "10.0.0.0/8"])
def test_a_peer_is_an_address(peer: str) -> None:
    with pytest.raises(ValueError, match="neither an IP address nor unix"):
        explain_proxy(Config(), [], peer)
