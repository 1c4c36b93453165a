"""From what a user wrote to a value of the declared type.

Each function takes any object (text from a flag, a Python value from a file) and returns the value
or raises ValueError or TypeError with the reason and the remedy; `load` adds the setting's name,
the value and its origin. Nothing here knows a setting.
"""

# ruff: noqa: PLC0415 - start-up time: only what a plain start needs

from __future__ import annotations

import os

#: sockaddr_un of Linux has room for 108 bytes, the last of them a NUL (unix(7)).
UNIX_PATH_MAX = 107
#: The port that OpenTelemetry's Prometheus exporters have.
METRICS_PORT = 9464

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    #: host and port, the path of a unix socket, or an inherited descriptor
    Address = tuple[str, int] | str | int


#: What 64 bits hold, as the engine counts; and the seconds of 68 years, as kernels do.
MOST = 2**63 - 1
LONGEST = 2**31 - 1


def boolean(value: object) -> bool:
    """True or false, as a bool or as text."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise TypeError("give True or False")
    word = value.strip().lower()
    if word not in {"true", "false"}:
        raise ValueError("give true or false")
    return word == "true"


def optional_boolean(value: object) -> bool | None:
    """True, false, or None for "not said"."""
    return None if value is None else boolean(value)


def integer(value: object) -> int:
    """A whole number, zero or more; text may be decimal, 0x or 0o."""
    if isinstance(value, str):
        number = integer_text(value)
    elif isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        number = int(value)
    else:
        raise TypeError("give a whole number")
    if not 0 <= number <= MOST:
        raise ValueError("give a whole number, 0 or more" if number < 0 else "give a lower number")
    return number


class Within:
    """A conversion to a whole number in these bounds."""

    __slots__ = ("least", "most")

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self.most = most

    def __call__(self, value: object) -> int:
        """The number, or a ValueError with the bounds."""
        number = integer(value)
        if not self.least <= number <= self.most:
            raise ValueError(f"give a number from {self.least} to {self.most}")
        return number


def integer_text(text: str) -> int:
    """The number in a text; `010` is ten, as int() reads it."""
    try:
        return int(text.strip(), 0)
    except ValueError:
        pass
    try:
        return int(text.strip())
    except ValueError:
        raise ValueError("give a whole number, such as 4") from None


#: The word for as many workers as there are processors.
AUTO = "auto"


def worker_count(value: object) -> int:
    """A number of workers; `auto` is the processors that this process may use."""
    if isinstance(value, str) and value.strip().lower() == AUTO:
        from licorne.cgroup import processors

        return processors()
    try:
        return integer(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error}, or auto") from None


def seconds(value: object) -> float:
    """A duration in seconds, zero or more, fractions allowed."""
    if isinstance(value, str | int | float):
        try:
            number = float(value)
        except ValueError:
            raise ValueError("give a number of seconds, such as 2.5") from None
        if 0 <= number <= LONGEST:
            return number
        raise ValueError(f"give a number of seconds, from 0 to {LONGEST}")
    raise TypeError("give a number of seconds")


def memory(value: object) -> int | str:
    """A number of bytes, K, M, G or T behind it for powers of 1024; or a share, kept as `NN%`."""
    if not isinstance(value, str):
        return integer(value)
    word = value.strip().upper()
    digits = word.rstrip("KMGTIB%")
    try:
        number = float(digits) if "." in digits else integer_text(digits)
    except ValueError:
        raise ValueError("give bytes, such as 512M or 2G, or a share, such as 40%") from None
    unit = word[len(digits) :]
    if unit == "%" and 0 < number <= 100:
        return f"{number:g}%"
    if number < 0 or unit not in _UNITS:
        raise ValueError("give bytes, such as 512M or 2G, or a share, such as 40%")
    return int(number * _UNITS[unit])


def text(value: object) -> str:
    """A string without blanks around it."""
    if not isinstance(value, str):
        raise TypeError("give a string")
    return value.strip()


def lower_text(value: object) -> str:
    """A string in lower case."""
    return text(value).lower()


#: The loops that `asgi_loop` has words for.
LOOPS = ("auto", "asyncio", "uvloop")


def loop(value: object) -> str:
    """`auto`, `asyncio`, `uvloop` in any case, or MODULE:FACTORY, of which nothing is imported."""
    said = text(value).strip()
    module, colon, factory = said.partition(":")
    if colon and all(part.isidentifier() for part in (*module.split("."), *factory.split("."))):
        return said
    if said.lower() not in LOOPS:
        raise ValueError("give auto, asyncio, uvloop, or MODULE:FACTORY of a function for a loop")
    return said.lower()


def optional_text(value: object) -> str | None:
    """A string, or None."""
    return None if value is None else text(value)


def texts(value: object) -> list[str]:
    """A list of strings; one string is a list of one, and nothing is an empty list."""
    if not value:
        return []
    if isinstance(value, str):
        value = [value]
    if not hasattr(value, "__iter__"):
        raise TypeError("give a string or a list of strings")
    return [text(each) for each in value]


class Each:
    """A conversion to a list of strings of which each is looked at; the flag may be repeated."""

    __slots__ = ("check",)

    def __init__(self, check: Callable[[str], str]) -> None:
        self.check = check

    def __call__(self, value: object) -> list[str]:
        """The strings, or what the first wrong one raises."""
        return [self.check(each) for each in texts(value)]


def watched(entry: str) -> str:
    """A file that is there, or a pattern, which may find its files later."""
    if not set("*?[") & set(entry) and not os.path.exists(entry):
        raise ValueError(
            "there is no such file; give a path, or a pattern such as templates/**/*.html."
        )
    return entry


def watched_if_absolute(entry: str) -> str:
    """The same, but for relative names, which `chdir` may still give another meaning."""
    return watched(entry) if os.path.isabs(entry) else entry


def comma_texts(value: object) -> list[str]:
    """A list of strings, or one string with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return texts(value)


def header_names(value: object) -> list[str]:
    """Header names in upper case, as the environ has them."""
    return [name.upper() for name in comma_texts(value)]


#: What `private` stands for: this machine, RFC 1918, and unique local addresses (RFC 4193).
PRIVATE = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7")


def networks(value: object) -> list[str]:
    """Addresses and networks of trusted peers, `private` for all local ones, or `*` for all."""
    names = comma_texts(value)
    return [
        each for name in names for each in (PRIVATE if name == "private" else (_network(name),))
    ]


def _network(name: str) -> str:
    """As it was written, except for a netmask, which the engine wants as a length."""
    import ipaddress

    if name == "*":
        return name
    if "%" in name:
        raise ValueError(f"{name!r} has a scope, and addresses of clients have none")
    try:
        network = ipaddress.ip_network(name)
    except ValueError as error:
        raise ValueError(f"{error}; give 10.0.0.1, 10.0.0.0/8, private or *") from None
    mask = name.partition("/")[2]
    return name if not mask or mask.isdecimal() else str(network)


def mapping(value: object) -> dict[str, object]:
    """A dict with string keys."""
    if not isinstance(value, dict):
        raise TypeError("give a dict")
    return {text(key): each for key, each in value.items()}


def path_seconds(value: object) -> dict[str, float]:
    """Durations by path prefix: a dict, or `PREFIX=SECONDS`, or a list of those."""
    if isinstance(value, dict):
        pairs = [(text(prefix), each) for prefix, each in value.items()]
    else:
        split = [each.rpartition("=") for each in texts(value)]
        pairs = [(prefix.strip(), each) for prefix, _, each in split]
    for prefix, _ in pairs:
        if not prefix.startswith("/"):
            raise ValueError("give PREFIX=SECONDS with a path, such as /reports/=120")
    return {prefix: seconds(each) for prefix, each in pairs}


def scheme_headers(value: object) -> dict[str, str]:
    """Header names in upper case with the value that means https."""
    return {name.upper(): text(each) for name, each in mapping(value).items()}


def mode(value: object) -> int:
    """Permission bits; text is octal when it starts with 0."""
    if isinstance(value, str):
        word = value.strip()
        if len(word) > 1 and word[0] == "0" and word[1:].isdigit():
            word = "0o" + word[1:]
        value = integer_text(word)
    return integer(value)


def user(value: object) -> int:
    """A user id, or the id of a named user."""

    def named(word: str) -> int:
        import pwd

        return pwd.getpwnam(word).pw_uid

    return _account(value, "user", os.geteuid, named)


def group(value: object) -> int:
    """A group id, or the id of a named group."""

    def named(word: str) -> int:
        import grp

        return grp.getgrnam(word).gr_gid

    return _account(value, "group", os.getegid, named)


def _account(value: object, what: str, own: Callable[[], int], named: Callable[[str], int]) -> int:
    """The id of a user or a group: a number, a name, or that of this process for None."""
    if value is None:
        return own()
    if isinstance(value, int):
        return value
    word = text(value)
    if word.isdigit():
        return int(word)
    try:
        return named(word)
    except KeyError:
        raise ValueError(f"no {what} of this system is called {word!r}") from None


def working_directory() -> str:
    """The current directory, by the name in $PWD when that is the same place."""
    here = os.getcwd()
    named = os.environ.get("PWD", "")
    try:
        a, b = os.stat(named), os.stat(here)
    except OSError:
        return here
    return named if (a.st_ino, a.st_dev) == (b.st_ino, b.st_dev) else here


def directory(value: object) -> str:
    """A directory that exists, made absolute."""
    given = os.path.expanduser(text(value))
    path = os.path.normpath(os.path.join(working_directory(), given))
    if not os.path.isdir(path):
        raise ValueError("there is no such directory")
    return path


def optional_directory(value: object) -> str | None:
    """A directory that exists, or None."""
    return None if value in {None, ""} else directory(value)


def class_spec(value: object) -> str | type:
    """A class, a function that returns one, or the text that names it."""
    if callable(value) and not isinstance(value, type):
        value = value()
    return value if isinstance(value, type) else text(value)


def one_of(value: object, choices: Sequence[str]) -> None:
    """Refuse what is not among the choices, if there are any."""
    if choices and value not in choices:
        raise ValueError(f"give one of: {', '.join(choices)}")


def address(netloc: str, default_port: int = 8000) -> Address:
    """Where to listen: `HOST`, `HOST:PORT`, `[V6]:PORT`, `unix:PATH`, `fd://N`."""
    for prefix in ("unix://", "unix:"):
        if netloc.startswith(prefix):
            return _unix(netloc.removeprefix(prefix))
    if netloc.startswith("fd://"):
        number = netloc[len("fd://") :]
        if not number.isdigit():
            raise ValueError(f"{number!r} is not a valid file descriptor.")
        return int(number)
    return _host_port(netloc.removeprefix("tcp://"), default_port)


def _unix(path: str) -> str:
    """A path, or an abstract name (unix(7)): with its leading NUL, or with @ in its place."""
    if path in {"", "@", "\0"}:
        raise ValueError("a unix socket needs a path.")
    # Longer ones the kernel does not take; the message it has for that names no setting.
    if len(os.fsencode(path)) > UNIX_PATH_MAX:
        raise ValueError(f"{path!r} is longer than {UNIX_PATH_MAX} bytes.")
    return "\0" + path[1:] if path.startswith("@") else path


def _host_port(netloc: str, default_port: int) -> tuple[str, int]:
    if "[" in netloc and "]" in netloc:
        host, _, rest = netloc.partition("]")
        host, rest = host.lstrip("[").lower(), rest.lstrip(":")
    elif netloc.count(":") > 1:
        # An IPv6 address without brackets cannot be told from its port; gunicorn takes the last
        # field as the port, which then is refused if it is not a number.
        host, _, rest = netloc.partition(":")
        rest = rest.partition(":")[0]
    else:
        host, _, rest = netloc.partition(":")
        host = host.lower()
    if not rest:
        return host or "0.0.0.0", default_port
    if not (rest.isascii() and rest.isdigit()):
        raise ValueError(f"{rest!r} is not a valid port number.")
    if int(rest) > 65535:
        raise ValueError(f"{rest!r} is not a valid port number: the highest is 65535.")
    return host or "0.0.0.0", int(rest)


def share(value: object) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool):
        raise TypeError(f"{value} is not a number.")
    number = float(value) if isinstance(value, (int, float)) else float(text(value))
    if not 0 <= number <= 1:
        raise ValueError(f"{number} is not between 0 and 1.")
    return number


def statsd_address(value: object) -> Address | None:
    """Where the statsd server is: `HOST`, `HOST:PORT` (8125 by default) or `unix://PATH`."""
    if value is None:
        return None
    word = text(value)
    # A host may be called unix: only `unix://` and a path after `unix:` mean a socket.
    host, _, port = word.partition(":")
    if host == "unix" and port.isascii() and port.isdigit():
        return host, int(port)
    return address(word, 8125)


def metrics_address(netloc: str) -> Address | None:
    """Where metrics are served: as `address`, but no descriptor; None for nowhere."""
    if not netloc:
        return None
    made = address(netloc, METRICS_PORT)
    if isinstance(made, int):
        raise ValueError("a descriptor cannot be served here.")  # noqa: TRY004 - a user's text
    return made


#: What may stand behind a number of bytes.
_UNITS = {
    letter + rest: 1024**power
    for power, letter in enumerate(("", "K", "M", "G", "T"))
    for rest in (("", "B", "IB") if letter else ("", "B"))
}

#: The conversion that an annotation stands for.
BY_TYPE: dict[str, Callable[[object], object]] = {
    "bool": boolean,
    "bool | None": optional_boolean,
    "int": integer,
    "float": seconds,
    "str": text,
    "str | None": optional_text,
    "list[str]": texts,
    "dict[str, object]": mapping,
    "dict[str, float]": path_seconds,
}
