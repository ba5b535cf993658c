"""Regular expressions of RE2, the library that GoogleSQL uses."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any


class Malformed(ValueError):
    """A regular expression that RE2 does not take."""


@lru_cache(maxsize=200)
def compiled(pattern: str | bytes) -> Any:
    """A pattern, which counts in characters if it is text, in bytes if it is bytes.

    Raises:
        Malformed: RE2 does not take it.
    """
    re2 = import_module("re2")  # it has no types

    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1 if isinstance(pattern, bytes) else re2.Options.Encoding.UTF8
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise Malformed(f"the regular expression {pattern!r}: {error}") from None


def groups(pattern: str | bytes) -> int:
    """How many groups a pattern has."""
    return int(compiled(pattern).groups)
