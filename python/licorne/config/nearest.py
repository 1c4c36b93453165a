"""Which setting a mistaken name was meant for. Only loaded when there is a name to explain."""

from __future__ import annotations

from licorne.config.settings import OPTIONS

#: A name this long may have two slips and still be recognised.
LONG = 8


def suggestion(name: str) -> str:
    """` Did you mean 'x'?`, or nothing when no setting is near."""
    found = meant(name)
    return f" Did you mean {found!r}?" if found else ""


def flag_suggestion(word: str) -> str:
    """` Did you mean --x?` of a flag that is not there; what to do when there is none like it."""
    from licorne.config.completion import OWN  # noqa: PLC0415 - few need the shells' scripts

    given = word.partition("=")[0]
    name = given.removeprefix("--")
    # Nearly every word of three or four letters is two steps from some flag.
    own = [flag for flag, _ in OWN if distance(given, flag) <= (2 if len(name) > 4 else 1)]
    setting = meant(name) if len(name) > 4 else slip(name)
    flags = [flag for flag in OPTIONS[setting].flags if len(flag) > 2] if setting else []
    if not own and setting and not flags:
        return f" {setting} has no flag: set it in a configuration file."
    if not own and not flags:
        return " --help-all lists the flags."
    return f" Did you mean {min((*flags, *own), key=lambda each: distance(given, each))}?"


def meant(name: str) -> str | None:
    """The setting that is nearest to a name; the names of flags are known as well."""
    word = name.lower().replace("-", "_")
    names = {each: each for each in OPTIONS}
    for option in OPTIONS.values():
        for flag in option.flags:
            if flag.startswith("--"):
                names.setdefault(flag.removeprefix("--").replace("-", "_"), option.name)
    # A part of a name, such as `worker` in `worker_class`, is nearer than any other word.
    distances = {each: distance(word, each) for each in names}
    best = min(distances, key=distances.__getitem__)
    return names[best] if distances[best] <= max(2, len(word) // 3) else None


def slip(name: str) -> str | None:
    """The setting that this is a misspelling of: one slip, or two in a long name."""
    most = 2 if len(name) >= LONG else 1
    letters = set(name)
    for each in OPTIONS:
        near = abs(len(each) - len(name)) <= most and len(letters ^ set(each)) <= 2 * most
        if near and distance(name, each) <= most:
            return each
    return None


def distance(a: str, b: str) -> int:
    """Letters to insert, drop, change, or swap with the next, to come from `a` to `b`."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
