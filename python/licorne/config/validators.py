"""gunicorn's names for the conversions, as settings of third parties use them.

Nothing of the server itself uses this file.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from licorne.config import callables, convert

Validator = Callable[[object], object]


def _or_none(conversion: Validator) -> Validator:
    def validate(val: object) -> object:
        return None if val is None else conversion(val)

    return validate


validate_bool = _or_none(convert.boolean)
validate_chdir = convert.directory
validate_class = _or_none(convert.class_spec)
validate_dict = convert.mapping
validate_group = convert.group
validate_list_string = convert.texts
validate_pos_int = convert.integer
validate_post_request = callables.post_request
validate_string = convert.optional_text
validate_string_to_addr_list = convert.networks
validate_string_to_list = convert.comma_texts
validate_user = convert.user


def validate_callable(arity: int) -> Validator:
    """A conversion that accepts what can be called with this many arguments; -1 for any number."""
    return callables.hook(arity) if arity >= 0 else callables.function


def validate_file_exists(val: object) -> str | None:
    """The name of a file that is there, or None."""
    path = convert.optional_text(val)
    if path is not None and not os.path.exists(path):
        raise ValueError(f"there is no file {path!r}")
    return path
