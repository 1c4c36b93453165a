"""Command lines: where they are in files, and how they are taken apart."""

from __future__ import annotations

import pytest

from licorne.migrate import uvicorn, values, words
from licorne.migrate.rows import Given


@pytest.mark.parametrize(
    ("line", "server", "expected"),
    [
        ("web: gunicorn app:app -w 2", "gunicorn", ["app:app", "-w", "2"]),
        ("web: A=b C='d e' gunicorn app", "gunicorn", ["app"]),
        ('CMD ["python", "-m", "uvicorn", "a:b"]', "uvicorn", ["a:b"]),
        ("CMD exec granian --port 1 a:b > /dev/null 2>&1", "granian", ["--port", "1", "a:b"]),
        ("ENTRYPOINT [\"sh\", \"-c\", \"exec uvicorn a:b --port $PORT\"]", "uvicorn",
         ["a:b", "--port", "$PORT"]),
        ("ExecStart=/srv/venv/bin/hypercorn -w 3 a:b", "hypercorn", ["-w", "3", "a:b"]),
        ("ExecStart=/bin/sh -c \"/x/gunicorn -w 3 a:b\"", "gunicorn", ["-w", "3", "a:b"]),
        ("    command: uwsgi --ini x.ini", "uwsgi", ["--ini", "x.ini"]),
        ("command=/opt/gunicorn a:b", "gunicorn", ["a:b"]),
        ("python manage.py migrate && gunicorn a:b && echo", "gunicorn", ["a:b"]),
        ("poetry run uvicorn a:b --workers $(nproc) &", "uvicorn",
         ["a:b", "--workers", "${nproc}"]),
        ("exec gosu app sh -c \"ulimit -s 9 && exec granian a:b\"", "granian", ["a:b"]),
    ],
)  # fmt: skip
def test_a_line(line: str, server: str, expected: list[str]) -> None:
    (found,) = words.found("file", f"\n{line}\n")
    assert (found.server, found.words, found.where) == (server, expected, "file:2")


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install gunicorn uvicorn",
        "import uvicorn",
        "from gunicorn.app import base",
        "# gunicorn app:app",
        "image: company/uwsgi:3",
        "gunicorn",
        "echo 'an open quote gunicorn app:app",
        "uvicorn.run(app, host='0.0.0.0')",
    ],
)
def test_a_line_that_starts_nothing(line: str) -> None:
    assert list(words.found("file", line)) == []


def test_a_line_over_several() -> None:
    text = "#!/bin/sh\n\nexec gunicorn \\\n  -w 3 \\\n  app:app\n"
    (found,) = words.found("run.sh", text)
    assert (found.words, found.where) == (["-w", "3", "app:app"], "run.sh:3")


def test_options() -> None:
    given, others = words.options(
        ["a:b", "--port=1", "--reload", "--host", "h", "-p2", "--new", "3", "--newer", "c:d"],
        uvicorn.TABLE, uvicorn.SHORT, "here",
    )  # fmt: skip
    assert given == [
        Given("--port", "1", "here"),
        Given("--reload", True, "here"),
        Given("--host", "h", "here"),
        Given("--port", "2", "here"),
        Given("--new", "3", "here"),
        Given("--newer", True, "here"),
    ]
    assert others == ["a:b", "c:d"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("1h30m", 5400), ("500ms", 0.5), (7.5, 7.5), ("2d", 172800)]
)
def test_seconds(text: object, seconds: float) -> None:
    assert values.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "30 # x", "-3"])
def test_not_seconds(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        values.seconds(text)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (":8000", "0.0.0.0:8000"),
        ("*:80", "0.0.0.0:80"),
        ("/run/a.sock", "unix:/run/a.sock"),
        ("a.sock", "unix:a.sock"),
        ("unix:/a", "unix:/a"),
        ("8000", "0.0.0.0:8000"),
        ("[::1]:80", "[::1]:80"),
    ],
)
def test_an_address(given: str, address: str) -> None:
    assert values.address(given) == address
