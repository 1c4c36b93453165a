"""Settings of features to come: what would switch one on is refused clearly."""

from __future__ import annotations

import pytest

from licorne.config import Config
from licorne.config.check import SWITCHES
from licorne.config.later import INSTEAD
from licorne.config.settings import OPTIONS
from licorne.errors import ConfigError


@pytest.mark.parametrize("name", SWITCHES)
def test_the_default_is_accepted(name: str) -> None:
    cfg = Config()
    cfg.set(name, OPTIONS[name].initial(), origin="file")
    cfg.validate()
    assert OPTIONS[name].later in INSTEAD


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dirty_timeout", 60),
    ],
)
def test_what_only_tunes_a_feature_has_no_effect(name: str, value: object) -> None:
    """Files with every setting in them are common; gunicorn does not look at these either."""
    cfg = Config()
    cfg.set(name, value, origin="file")
    cfg.validate()
    assert OPTIONS[name].later
    assert name not in SWITCHES


def test_a_blank_value_asks_for_nothing() -> None:
    cfg = Config()
    cfg.set("certfile", "", origin="command line")
    cfg.validate()
    assert not cfg.is_ssl


def test_anything_else_is_refused() -> None:
    cfg = Config()
    cfg.set("dirty_apps", "x:App", origin="x.py")
    with pytest.raises(ConfigError) as caught:
        cfg.validate()
    assert str(caught.value).startswith("dirty_apps is not available yet in licorne ")
    assert "dirty_apps is ['x:App'], from x.py" in str(caught.value)
    assert "Remove the setting; " in str(caught.value)


@pytest.mark.parametrize("name", ["http_parser", "ssl_version", "suppress_ragged_eofs"])
def test_what_has_no_effect_is_accepted(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    cfg = Config()
    cfg.set(name, {"http_parser": "Fast", "ssl_version": 5}.get(name, False))
    cfg.validate()
    assert ("ssl_version=5 is ignored" in capsys.readouterr().err) == (name == "ssl_version")
