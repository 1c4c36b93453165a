"""What examples and the chart say of licorne is true: names of settings and metrics, paths, times.

The linters of `make lint-deploy` know the languages of these files, and nothing of licorne.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from licorne.config import Config, toml
from licorne.config.settings import OPTIONS
from licorne.metrics import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "examples" / "kubernetes"
CHART = ROOT / "deploy" / "helm" / "licorne"
DOCKER = ROOT / "examples" / "docker"


def deployment() -> dict[str, dict[str, object]]:
    (only,) = yaml.safe_load_all((KUBERNETES / "deployment.yaml").read_text())
    pod = only["spec"]["template"]["spec"]
    assert isinstance(pod, dict)
    return pod


def container() -> dict[str, object]:
    (only,) = deployment()["containers"]
    assert isinstance(only, dict)
    return only


def environment() -> Iterator[tuple[str, str]]:
    for each in container()["env"]:  # type: ignore[attr-defined]
        yield each["name"], each["value"]


def probes(text: str) -> dict[str, str]:
    return dict(re.findall(r"(startup|readiness|liveness)Probe:\s+httpGet: {path: (\S+),", text))


def test_the_variables_are_settings() -> None:
    for name, value in environment():
        cfg = Config(prog="licorne")
        cfg.set(name.removeprefix("LICORNE_").lower(), value)


def test_the_grace_of_a_pod_is_longer_than_a_stop() -> None:
    values = dict(environment())
    stop = int(values["LICORNE_DRAIN_DELAY"]) + int(values["LICORNE_GRACEFUL_TIMEOUT"])
    assert deployment()["terminationGracePeriodSeconds"] > stop  # type: ignore[operator]
    # The chart adds the same: templates/deployment.yaml.
    text = (CHART / "templates" / "deployment.yaml").read_text()
    assert "add .Values.drainDelay .Values.gracefulTimeout 10" in text
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["web"]
    image = toml.settings(str(DOCKER / "licorne.toml"))
    grace = int(compose["stop_grace_period"].removesuffix("s"))
    assert grace > int(str(image["drain_delay"])) + int(str(image["graceful_timeout"]))


@pytest.mark.parametrize(
    "file", [KUBERNETES / "deployment.yaml", CHART / "templates" / "deployment.yaml"]
)
def test_three_probes_and_nothing_to_write_to(file: Path) -> None:
    text = file.read_text()
    assert probes(text) == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/livez"}
    assert "readOnlyRootFilesystem: true" in text
    assert "runAsNonRoot: true" in text
    assert "preStop:" not in text


def test_the_drain_is_longer_than_readiness_takes_to_be_noticed() -> None:
    probe = container()["readinessProbe"]
    assert isinstance(probe, dict)
    noticed = probe["periodSeconds"] * probe["failureThreshold"]
    assert int(dict(environment())["LICORNE_DRAIN_DELAY"]) >= 2 * noticed


def test_the_autoscaler_asks_for_what_the_adapter_makes() -> None:
    scaler = yaml.safe_load((KUBERNETES / "hpa.yaml").read_text())
    rules = yaml.safe_load((KUBERNETES / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    (metric,) = scaler["spec"]["metrics"]
    (rule,) = rules
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    assert metric["pods"]["metric"]["name"] in (CHART / "templates" / "hpa.yaml").read_text()
    series = re.match(r"(\w+)_bucket{", rule["seriesQuery"])
    assert series is not None
    assert series[1] in (ROOT / "docs" / "metrics.md").read_text()
    assert series[1] in (ROOT / "python" / "licorne" / "metrics" / "collect.py").read_text()


def test_the_settings_of_the_image_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    cfg = Config(prog="licorne")
    for name, value in toml.settings(str(DOCKER / "licorne.toml")).items():
        cfg.set(name, value)
    cfg.validate()
    assert cfg.bind == ["0.0.0.0:8000"]
    assert cfg.metrics_address == ("0.0.0.0", 9464)


def test_the_values_of_the_chart_are_settings() -> None:
    everything = yaml.safe_load((CHART / "ci" / "everything.yaml").read_text())
    assert everything["settings"]
    shown = re.findall(r"^#  (\w+):", (CHART / "values.yaml").read_text(), re.MULTILINE)
    assert set(shown) | set(everything["settings"]) <= set(OPTIONS)
    template = (CHART / "templates" / "deployment.yaml").read_text()
    names = {name.lower() for name in re.findall(r"LICORNE_([A-Z_]+)", template)}
    assert names <= set(OPTIONS)


def test_health_checks_are_where_the_probes_ask() -> None:
    source = Path(endpoint.__file__).parent
    text = "".join(path.read_text() for path in source.glob("*.py"))
    assert '"/livez"' in text
    assert '"/readyz"' in text
