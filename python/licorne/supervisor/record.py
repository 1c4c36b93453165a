"""Frozen records, without the import and start-up cost of the dataclasses module.

A subclass lists its fields as annotations; a type checker sees a frozen dataclass.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar, TypeVar

    from typing_extensions import dataclass_transform

    R = TypeVar("R", bound="Record")
else:

    def dataclass_transform(**_options: bool) -> Callable[[type], type]:
        """For the checker only."""
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Record:
    """A value: fields given by position or name, equal when all fields are equal."""

    _fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Add the fields of the subclass to those it inherits."""
        super().__init_subclass__()
        # The names of the annotations; their text is not evaluated.
        own = cls.__dict__.get("__annotations__", ())  # noqa: RUF063 - inspect costs milliseconds
        cls._fields = (*cls._fields, *own)
        if not TYPE_CHECKING:
            cls.__match_args__ = cls._fields

    def __init__(self, *args: object, **kwargs: object) -> None:
        names = self._fields
        fields = dict(zip(names, args, strict=False))
        fields.update(kwargs)
        for name in names:
            if name not in fields:
                # A default is the class attribute; a field without one is missing.
                fields[name] = getattr(type(self), name)
        if len(fields) != len(names) or len(args) > len(names):
            raise TypeError(f"{type(self).__name__} takes {', '.join(names) or 'nothing'}")
        self.__dict__.update(fields)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set: records are frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({fields})"


def replace(record: R, **changes: object) -> R:
    """The record with some fields changed."""
    return type(record)(**{**record.__dict__, **changes})
