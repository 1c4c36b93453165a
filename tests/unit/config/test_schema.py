"""The JSON schema: of every setting, and true to what the conversions take."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from licorne.config import Config, schema
from licorne.config.settings import OPTIONS

#: A value for each JSON type; what a property allows, `set` has to take.
EXAMPLES = {
    "boolean": True,
    "integer": 1,
    "number": 1.5,
    "string": "1",
    "array": ["1"],
    "object": {"a": "b"},
}
#: Text that is not any text: a class, a hook, a directory, an address, levels of their own.
PARTICULAR = {
    "forwarded_allow_ips", "proxy_allow_ips", "uwsgi_allow_ips", "fastcgi_allow_ips",
    "http_protocols",
}  # fmt: skip
PARTICULAR |= {"chdir", "worker_tmp_dir", "access_log_sample"}
PARTICULAR |= {"certificates", "keyfile_password"}
PARTICULAR |= {"request_timeout_paths", "queue_timeout_paths", "asgi_loop"}


def test_every_setting_but_the_file_itself() -> None:
    made = json.loads(schema.text())
    assert set(made["properties"]) == set(OPTIONS) - {"config"}
    assert made["additionalProperties"] is False
    assert all(each["description"] for each in made["properties"].values())


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - {"config"} - PARTICULAR))
def test_what_it_allows_can_be_set(name: str) -> None:
    made = json.loads(schema.text())["properties"][name]
    if OPTIONS[name].type.startswith("Hook"):
        values: list[object] = ["os.path.join" if OPTIONS[name].type == "Hook2" else "os.getpgid"]
        if OPTIONS[name].type in {"Hook3", "Hook4"}:
            values = ["subprocess.Popen"]
    else:
        types = made.get("type", [])
        known = [types] if isinstance(types, str) else types
        values = [*made.get("enum", []), *(EXAMPLES[each] for each in known)]
        if "maximum" in made:
            values = [made["minimum"], made["maximum"]]
    values += [made["default"]] if "default" in made else []
    assert values
    cfg = Config()
    for value in values:
        cfg.set(name, value)
        assert cfg.origins[name] == "cfg.set()"


def test_the_flag() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "licorne", "--schema"],
        check=True, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert told.stdout == schema.text()
    assert told.stderr == ""
