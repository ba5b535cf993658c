"""Does a DuckDB text evaluate all its arguments in every row? GoogleSQL does, so what one of them raises is its answer.

DuckDB evaluates the arguments of its own functions, of Python's functions and of operators for all rows alike; CASE,
COALESCE and lambdas look at some for some rows only, and so do macros that are made of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# AND and OR stop early where they are conditions.
_LAZY = re.compile(r"\b(CASE|AND|OR|coalesce|TRY|lambda)\b|\(SELECT\b")
_CALLS = re.compile(r"\b(bp_\w+)\(")
_FIRST = re.compile(r"\(*CASE WHEN (.*?)\s(?:AND|OR|THEN)\s", re.DOTALL)
_MARK = re.compile(r"§\d+§")


class Eager:
    """Tells it of texts that use these macros.

    Args:
        macros: bodies by heads, `bp_x(a, b)`, as in `MACROS`.
    """

    def __init__(self, macros: Mapping[str, str]) -> None:
        self._bodies = {head.split("(")[0]: (_parameters(head), body) for head, body in macros.items()}
        self._known: dict[str, bool] = {}

    def of(self, text: str, arguments: Iterable[str]) -> bool:
        """Does a text with these texts of arguments inside it evaluate them all?"""
        for place, argument in sorted(enumerate(arguments), key=lambda each: -len(each[1])):
            text = text.replace(argument, f"§{place}§")
        return self._evaluates(text)

    def _evaluates(self, marked: str) -> bool:
        if all(self._macro(name) for name in _CALLS.findall(marked)):
            if not _LAZY.search(marked):
                return True
            first = _FIRST.match(marked)
            # What stands first is evaluated in every row.
            return first is not None and not _LAZY.search(first[1]) and _marks(first[1]) == _marks(marked)
        return False

    def _macro(self, name: str) -> bool:
        if name not in self._bodies:
            return True  # a function of Python's
        if name not in self._known:
            parameters, body = self._bodies[name]
            for place, parameter in enumerate(parameters):
                body = re.sub(rf"\b{parameter}\b", f"§{place}§", body)
            self._known[name] = self._evaluates(body)
        return self._known[name]


def _parameters(head: str) -> list[str]:
    return [name.strip() for name in head.rstrip(")").split("(")[1].split(",") if name.strip()]


def _marks(text: str) -> set[str]:
    return set(_MARK.findall(text))
