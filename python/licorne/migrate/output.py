"""The text of the `licorne.toml` that a draft stands for."""

from __future__ import annotations

from licorne.config import tomltext
from licorne.config.settings import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from licorne.migrate.rows import Draft, Left

#: First in the file, whatever the order of the declarations is.
FIRST = ("wsgi_app", "bind", "workers", "worker_class", "threads")
#: Longest value that is shown of an option that is not taken over.
LONGEST = 60


def text(draft: Draft) -> str:
    """The file: settings with what each was made from, then what was not taken over."""
    return "\n\n".join(_blocks(draft)) + "\n"


def summary(draft: Draft) -> str:
    """What was done, in a line."""
    return (
        f"{len(draft.kept)} settings; without an equivalent: {len(draft.left)}; "
        f"unknown: {len(draft.unknown)}."
    )


def _blocks(draft: Draft) -> Iterator[str]:
    yield tomltext.comment(
        (
            f"Made by `licorne migrate` from {draft.server}: {draft.source}",
            "Save it as licorne.toml where the server is started, then: licorne --check-config",
        )
    )
    names = [*FIRST, *(name for name in OPTIONS if name not in FIRST)]
    for name in names:
        kept = draft.kept.get(name)
        if kept is not None:
            said = f"{kept.where}; {kept.remark}" if kept.remark else kept.where
            yield f"{tomltext.comment([said])}\n{tomltext.line(name, kept.value)}"
    yield from _listed("Without an equivalent:", draft.left)
    yield from _listed("Unknown, and not taken over:", draft.unknown)
    if draft.notes:
        yield tomltext.comment(["To know:", *(f"- {each}" for each in draft.notes)])


def _listed(title: str, rows: Sequence[Left]) -> Iterator[str]:
    if rows:
        yield tomltext.comment([title, *(line for row in rows for line in _shown(row))])


def _shown(row: Left) -> Iterator[str]:
    value = "" if row.given.value is True else f" = {row.given.value!s}"
    value = value if len(value) <= LONGEST else value[:LONGEST] + " …"
    yield f"- {row.given.name}{value} ({row.given.where})"
    yield f"  {row.reason}"
