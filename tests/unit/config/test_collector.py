"""Where spans are sent."""

from __future__ import annotations

import pytest

from licorne.config.collector import endpoint

GIVEN = {
    "": "",
    "collector": "http://collector:4318/v1/traces",
    "127.0.0.1:9": "http://127.0.0.1:9/v1/traces",
    "[::1]:9": "http://[::1]:9/v1/traces",
    "http://collector:4318/": "http://collector:4318/v1/traces",
    "http://collector/v1/traces": "http://collector:4318/v1/traces",
    "https://otlp.example.com/otlp": "https://otlp.example.com/otlp/v1/traces",
    "https://otlp.example.com:8443": "https://otlp.example.com:8443/v1/traces",
}


@pytest.mark.parametrize("given", GIVEN)
def test_what_is_added(given: str) -> None:
    assert endpoint(given) == GIVEN[given]
    assert endpoint(GIVEN[given]) == GIVEN[given]


@pytest.mark.parametrize(
    "wrong",
    ["grpc://a:4317", "http://", "http://a:port", "http://a:70000", "http://u:p@a", "http://a?b"],
)
def test_what_is_no_endpoint(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"give http://|[Pp]ort"):
        endpoint(wrong)
