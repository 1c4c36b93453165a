"""Settings of features to come: declared, defaults accepted, everything else refused clearly."""

from __future__ import annotations

import pytest

from licorne.config import Config, load
from licorne.config.later import INSTEAD
from licorne.config.settings import OPTIONS
from licorne.errors import ConfigError

LATER = sorted(name for name, option in OPTIONS.items() if option.later)


@pytest.mark.parametrize("name", LATER)
def test_the_default_is_accepted(name: str) -> None:
    cfg = Config()
    cfg.set(name, OPTIONS[name].initial(), origin="file")
    load.check(cfg)
    assert OPTIONS[name].later in INSTEAD


def test_anything_else_is_refused() -> None:
    cfg = Config()
    cfg.set("certfile", "/x.pem", origin="x.py")
    with pytest.raises(ConfigError) as caught:
        load.check(cfg)
    assert str(caught.value).startswith("certfile is not available yet in licorne ")
    assert "certfile is '/x.pem', from x.py" in str(caught.value)
    assert "Remove the setting; " in str(caught.value)


@pytest.mark.parametrize("name", ["http_parser", "ssl_version", "suppress_ragged_eofs"])
def test_what_has_no_effect_is_accepted(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    cfg = Config()
    cfg.set(name, {"http_parser": "Fast", "ssl_version": 5}.get(name, False))
    load.check(cfg)
    assert ("ssl_version=5 is ignored" in capsys.readouterr().err) == (name == "ssl_version")
