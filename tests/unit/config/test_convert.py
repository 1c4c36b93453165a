"""From what a user wrote to a value."""

from __future__ import annotations

import os

import pytest

from licorne.config import convert


@pytest.mark.parametrize(
    ("given", "value"),
    [("4", 4), (" 0x10 ", 16), ("0o17", 15), ("010", 10), (7, 7), (True, 1), (3.0, 3)],
)
def test_integer(given: object, value: int) -> None:
    assert convert.integer(given) == value


@pytest.mark.parametrize(
    ("given", "value"), [("AUTO", "auto"), (" uvloop", "uvloop"), ("a.B:c.D", "a.B:c.D")]
)
def test_loop(given: object, value: str) -> None:
    assert convert.loop(given) == value


@pytest.mark.parametrize("given", ["", "trio", "a:", ":b", "a.b", "a-b:c", "a:b()", "a:b:c"])
def test_not_a_loop(given: object) -> None:
    with pytest.raises(ValueError, match="give auto, asyncio, uvloop, or MODULE:FACTORY"):
        convert.loop(given)


@pytest.mark.parametrize("given", ["x", "", "1.5", -1, "-1", None, 1.5, [], 2**63])
def test_not_an_integer(given: object) -> None:
    with pytest.raises((TypeError, ValueError), match="give"):
        convert.integer(given)


def test_worker_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("licorne.cgroup.processors", lambda: 7)
    assert [convert.worker_count(each) for each in ("3", 2, " Auto ", "auto")] == [3, 2, 7, 7]
    with pytest.raises(ValueError, match="give a whole number, such as 4, or auto"):
        convert.worker_count("many")


@pytest.mark.parametrize(
    ("given", "value"), [(True, True), ("TRUE", True), (" false ", False), (False, False)]
)
def test_boolean(given: object, value: bool) -> None:
    assert convert.boolean(given) is value


@pytest.mark.parametrize("given", ["yes", 1, None])
def test_not_a_boolean(given: object) -> None:
    with pytest.raises((TypeError, ValueError), match="give"):
        convert.boolean(given)


@pytest.mark.parametrize(("given", "value"), [("2.5", 2.5), (3, 3.0), ("0", 0.0)])
def test_seconds(given: object, value: float) -> None:
    assert convert.seconds(given) == value


@pytest.mark.parametrize("given", ["x", -1, "nan", "inf", None, 1e10])
def test_not_seconds(given: object) -> None:
    with pytest.raises((TypeError, ValueError), match="give"):
        convert.seconds(given)


@pytest.mark.parametrize(
    ("given", "value"), [("a", ["a"]), (["a ", "b"], ["a", "b"]), (("a",), ["a"]), (None, [])]
)
def test_texts(given: object, value: list[str]) -> None:
    assert convert.texts(given) == value


def test_header_names() -> None:
    assert convert.header_names("script_name, path_info") == ["SCRIPT_NAME", "PATH_INFO"]


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("*", ["*"]),
        ("10.0.0.0/8, ::1", ["10.0.0.0/8", "::1"]),
        (["127.0.0.1"], ["127.0.0.1"]),
        ("10.0.0.0/255.0.0.0", ["10.0.0.0/8"]),
        ("private,192.0.2.1", [*convert.PRIVATE, "192.0.2.1"]),
    ],
)
def test_networks(given: object, value: list[str]) -> None:
    assert convert.networks(given) == value


@pytest.mark.parametrize("given", ["10.0.0.1/8", "nginx", "300.1.1.1", "fe80::1%eth0"])
def test_not_networks(given: str) -> None:
    with pytest.raises(ValueError, match=r"give|scope"):
        convert.networks(given)


@pytest.mark.parametrize(("given", "value"), [("022", 0o22), ("0o22", 0o22), (18, 18), ("0", 0)])
def test_mode(given: object, value: int) -> None:
    assert convert.mode(given) == value


def test_user_and_group() -> None:
    assert convert.user("root") == 0
    assert convert.group("root") == 0
    assert convert.user("65534") == 65534
    assert convert.user(None) == os.geteuid()
    assert convert.group(None) == os.getegid()


@pytest.mark.parametrize("function", [convert.user, convert.group])
def test_unknown_names(function: object) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match="is called 'no-such-user'"):
        function("no-such-user")


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("localhost", ("localhost", 8000)),
        ("", ("0.0.0.0", 8000)),
        (":90", ("0.0.0.0", 90)),
        ("[::1]:90", ("::1", 90)),
        ("[::1]", ("::1", 8000)),
        ("tcp://h:1", ("h", 1)),
        ("unix:/run/x", "/run/x"),
        ("unix:///run/x", "/run/x"),
        ("unix:\0name", "\0name"),
        ("unix:@name", "\0name"),
        ("unix:./@name", "./@name"),
        ("fd://7", 7),
    ],
)
def test_address(given: str, value: object) -> None:
    assert convert.address(given) == value


@pytest.mark.parametrize("given", ["h:x", "h:65536", "fd://x", "foo:bar:baz", "h:-1", "h:²"])
def test_not_an_address(given: str) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        convert.address(given)


@pytest.mark.parametrize("given", ["unix:", "unix://", "unix:@", "unix:\0"])
def test_a_unix_socket_without_a_name(given: str) -> None:
    with pytest.raises(ValueError, match="needs a path"):
        convert.address(given)


@pytest.mark.parametrize(
    ("given", "value"),
    [("", None), ("h", ("h", 9464)), ("h:1", ("h", 1)), ("unix:a", "a"), ("unix:@a", "\0a")],
)
def test_metrics_address(given: str, value: object) -> None:
    assert convert.metrics_address(given) == value


def test_metrics_are_not_served_at_a_descriptor() -> None:
    with pytest.raises(ValueError, match="descriptor"):
        convert.metrics_address("fd://3")


def test_a_path_too_long_for_the_kernel() -> None:
    assert convert.address("unix:" + "x" * 107) == "x" * 107
    with pytest.raises(ValueError, match="longer than 107 bytes"):
        convert.address("unix:" + "x" * 108)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (0, 0), ("0", 0), (4096, 4096), ("4096", 4096), ("512K", 512 << 10), ("512M", 512 << 20),
        ("1.5g", 3 << 29), ("2GiB", 2 << 30), ("2 gb", 2 << 30), ("1T", 1 << 40),
        ("100B", 100), ("40%", "40%"), (" 2.50 % ", "2.5%"),
    ],
)  # fmt: skip
def test_memory(given: object, value: int | str) -> None:
    assert convert.memory(given) == value


@pytest.mark.parametrize(
    "given", ["", "M", "x", "12X", "1MM", "0%", "101%", "-1M", "%", "1.2.3M", -1, None, []]
)
def test_not_memory(given: object) -> None:
    with pytest.raises((TypeError, ValueError), match="give"):
        convert.memory(given)
