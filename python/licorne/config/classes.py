"""Class names to classes: the kinds of worker, loggers, and whatever others publish.

A name is an alias, a dotted path or `egg:DISTRIBUTION#NAME`; `gunicorn.` in front of a path means
the module of the same name here.
"""

# ruff: noqa: PLC0415 - importlib.metadata and traceback only when needed

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module

from licorne.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne.config.option import Section

#: What `-k` understands without a path.
WORKER_ALIASES = {
    "sync": "licorne.workers.sync.SyncWorker",
    "gthread": "licorne.workers.gthread.ThreadWorker",
    "gevent": "licorne.workers.ggevent.GeventWorker",
    "eventlet": "licorne.workers.geventlet.EventletWorker",
    "gevent_pywsgi": "licorne.workers.gpywsgi.GeventPyWSGIWorker",
    "gevent_wsgi": "licorne.workers.gpywsgi.GeventPyWSGIWorker",
    "tornado": "licorne.workers.gtornado.TornadoWorker",
    "asgi": "licorne.workers.gasgi.ASGIWorker",
}

#: The names of `sync`.
SYNC = ("sync", "gunicorn.workers.sync.SyncWorker", WORKER_ALIASES["sync"])

#: Worker types of older versions, by what took their place.
STANDS_FOR = {"gaiohttp": "asgi"}

#: Packages that a worker type needs, by the extra of the same name.
EXTRAS = ("eventlet", "gevent", "tornado")

LOGGER = "licorne.glogging.Logger"
LOGGER_ALIASES = {"simple": LOGGER, "gunicorn.glogging.Logger": LOGGER}
#: What takes the place of the default logger when there is a `statsd_host`.
STATSD = "licorne.instrument.statsd.Statsd"


def worker_class(holder: Section, spec: object) -> type:
    """The class of the workers, set up if it has `setup()`."""
    uri = worker_uri(spec, holder.values["threads"])
    with _told_as(holder, "worker_class"):
        cls = load_class(uri, WORKER_ALIASES, "gunicorn.workers")
    _call(cls, "setup")
    return cls


def worker_uri(spec: object, threads: object) -> object:
    """What the user asked for; `sync`, by any of its names, with several threads is `gthread`.

    Of a type that is no more, what stands for it.
    """
    if spec in SYNC and isinstance(threads, int) and threads > 1:
        return "gthread"
    return STANDS_FOR.get(spec, spec) if isinstance(spec, str) else spec


def logger_class(holder: Section, spec: object) -> type:
    """The class of the logger, installed if it has `install()`."""
    if LOGGER_ALIASES.get(str(spec), spec) == LOGGER and holder.values["statsd_host"] is not None:
        spec = STATSD
    with _told_as(holder, "logger_class"):
        cls = load_class(spec, LOGGER_ALIASES, "gunicorn.loggers")
    _call(cls, "install")
    return cls


@contextmanager
def _told_as(holder: Section, name: str) -> Iterator[None]:
    """Say of a refusal which setting it is about, and where that came from."""
    try:
        yield
    except ConfigError as error:
        where = f"(from {holder.origins[name]})"
        raise ConfigError(
            f"Invalid value for {name}: {holder.values[name]!r} {where}: {error}"
        ) from None


def load_class(spec: object, aliases: dict[str, str], group: str) -> type:
    """The class that a user named; a ConfigError says what cannot be found."""
    if isinstance(spec, type):
        return spec
    name = str(spec)
    path = aliases.get(name, name)
    if path.startswith("egg:"):
        found = _entry_point(path.removeprefix("egg:"), group)
    elif "." not in path:
        found = _published(path, aliases, group)
    else:
        found = _dotted(path)
    if not isinstance(found, type):
        raise ConfigError(f"class uri {name!r} is not a class but {found!r}.")
    return found


def _dotted(path: str) -> object:
    if path.startswith("gunicorn."):
        path = "licorne." + path.removeprefix("gunicorn.")
    module, _, name = path.rpartition(".")
    if not all(part.isidentifier() for part in path.split(".")):
        raise _unknown(path, "this is no dotted name, such as package.module.Class")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name in EXTRAS and path.startswith("licorne."):
            raise ConfigError(
                f"class uri {path!r} needs the package {error.name}: "
                f"pip install 'licorne[{error.name}]'."
            ) from None
        # Only the missing module itself is a wrong name; a module missing inside it is news.
        if error.name is None or not (module + ".").startswith(error.name + "."):
            raise
        raise _unknown(path, f"there is no module {error.name!r}") from None
    except AttributeError:
        raise _unknown(path, f"the module {module!r} has no {name!r}") from None


def _published(name: str, aliases: dict[str, str], group: str) -> object:
    from importlib.metadata import entry_points

    for point in entry_points(group=group, name=name):
        loaded: object = point.load()
        return loaded
    raise _unknown(name, f"known names are {', '.join(aliases)}")


def _entry_point(spec: str, group: str) -> object:
    from importlib.metadata import entry_points

    distribution, _, name = spec.partition("#")
    for point in entry_points(group=group, name=name or "sync"):
        if point.dist is not None and point.dist.name == distribution:
            loaded: object = point.load()
            return loaded
    raise _unknown(
        f"egg:{spec}", f"no installed distribution {distribution!r} publishes it as {group}"
    )


def _unknown(name: str, why: str) -> ConfigError:
    return ConfigError(f"class uri {name!r} invalid or not found: {why}.")


def _call(cls: type, name: str) -> None:
    function = getattr(cls, name, None)
    if callable(function):
        function()
