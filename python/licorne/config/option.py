"""What a setting is: one declaration, from which everything else is derived.

A section is a class whose attributes are made by `option()`. For a type checker the attribute has
the type of its annotation; at run time it is an `Option`, a descriptor that reads the value from
the object's `values`. Plain descriptors instead of dataclasses: no code is generated at import.
"""

from __future__ import annotations

from licorne.config.convert import Each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

#: Types of settings whose flag may be given several times.
REPEATED = {"list[str]", "dict[str, float]"}


class Section:
    """Base of all sections: the raw value of each setting, and where it came from; read only."""

    values: dict[str, object]
    origins: dict[str, str]


class Option:
    """One setting: its name, type, flags, default, conversion and documentation."""

    __slots__ = (
        "choices", "const", "convert", "default", "doc", "env", "env_form", "factory", "flags",
        "later", "metavar", "name", "reload", "section", "type", "view",
    )  # fmt: skip

    def __init__(
        self,
        *flags: str,
        default: object = None,
        factory: Callable[[], object] | None = None,
        convert: Callable[[object], object] | None = None,
        view: Callable[[Section, object], object] | None = None,
        choices: Sequence[str] = (),
        const: object = None,
        env: str = "",
        env_form: str = "{}",
        metavar: str | None = None,
        reload: str = "workers",
        later: str = "",
        doc: str,
    ) -> None:
        """Declare a setting; `__set_name__` adds its name, section and type.

        `env` names a variable of the environment that replaces the default (put into `env_form`);
        `const` is what a flag without a value sets (a text makes the flag's value optional);
        `reload` says what HUP does with a change: `workers` (a new generation), `rebind`, `logs`,
        or `restart` (needs a new master); `later` names the feature that is still to
        come, without which the setting has no effect.
        """
        self.name = self.section = self.type = ""
        self.flags = flags
        self.default = default
        self.factory = factory
        self.convert = convert
        self.view = view
        self.choices = choices
        self.const = const
        self.env = env
        self.env_form = env_form
        self.metavar = metavar
        self.reload = reload
        self.doc = doc
        self.later = later

    def __set_name__(self, owner: type[Section], name: str) -> None:
        self.name = name
        self.section = owner.__doc__ or ""
        # The annotation's text is the name of the conversion: nothing is evaluated.
        self.type = str(owner.__annotations__[name])

    def __get__(self, holder: Section | None, owner: type[Section]) -> object:
        if holder is None:
            return self
        value = holder.values[self.name]
        return value if self.view is None else self.view(holder, value)

    def __set__(self, holder: Section, value: object) -> None:
        raise AttributeError(f"settings are read-only: use cfg.set({self.name!r}, ...)")

    @property
    def brief(self) -> str:
        """The first paragraph of the documentation, on one line."""
        return " ".join(self.doc.partition("\n\n")[0].split())

    @property
    def repeated(self) -> bool:
        """Whether the flag may be given several times; with a conversion, one text is a list."""
        known = self.convert is None or isinstance(self.convert, Each)
        return self.type == "list" or (self.type in REPEATED and known)

    def initial(self) -> object:
        """A fresh default: no two configurations share a list."""
        if self.factory is not None:
            return self.factory()
        if isinstance(self.default, list):
            return list(self.default)
        return dict(self.default) if isinstance(self.default, dict) else self.default


if TYPE_CHECKING:
    # As with `dataclasses.field`: the checker is told the value's type, the class gets the Option.

    def option(
        *flags: str,
        default: T,
        convert: Callable[[object], object] | None = None,
        choices: Sequence[str] = (),
        const: object = None,
        env: str = "",
        env_form: str = "{}",
        metavar: str | None = None,
        reload: str = "workers",
        later: str = "",
        doc: str,
    ) -> T:
        """Declare a setting whose value is used as it is."""

    def derived(
        *flags: str,
        default: object,
        view: Callable[[Section, object], T],
        convert: Callable[[object], object] | None = None,
        const: object = None,
        metavar: str | None = None,
        reload: str = "workers",
        doc: str,
    ) -> T:
        """Declare a setting that is read through `view`: what is stored is not what is used."""

    def computed(
        *flags: str,
        factory: Callable[[], T],
        convert: Callable[[object], object] | None = None,
        metavar: str | None = None,
        reload: str = "workers",
        doc: str,
    ) -> T:
        """Declare a setting whose default is a fact of the process at the time of loading."""

else:
    option = derived = computed = Option
