"""Texts that give NULL where they would raise: what SAFE makes of a rule's text, with DuckDB's TRY around it.

DuckDB's TRY takes no `error(…)`, because it counts as volatile: it becomes NULL, in macros too, by a quiet twin of each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bigpato_magic.sql.refusal import refuse

_RAISES = re.compile(r"\berror\('((?:[^']|'')*)'\)")
_CALLS = re.compile(r"\b(bp_\w+)\(")
# DuckDB takes what is mentioned twice out of TRY and does it before.
_CAST = re.compile(r"\bCAST\(")
_PREFIX = "bp_quiet_"


class Quiet:
    """The macros of all families, and their quiet twins.

    Args:
        macros: bodies by heads, as in `MACROS`.
        udfs: names of functions that code answers: they tell `route` by raising, and TRY would take it for an error.
    """

    def __init__(self, macros: Mapping[str, str], udfs: frozenset[str]) -> None:
        self._bodies = {head.split("(")[0]: body for head, body in macros.items()}
        self._udfs = udfs
        self._reached = {name: self._reach(name) for name in self._bodies}
        self._loud = {name for name in self._bodies if any(_RAISES.search(text) for text in self._texts(name))}
        self._unsure = {name for name in self._bodies if any(self._routes(text) for text in self._texts(name))}
        self.twins = {
            head.replace("bp_", _PREFIX, 1): self._hushed(body)
            for head, body in macros.items()
            if (name := head.split("(")[0]) in self._loud and name not in self._unsure
        }
        """Heads and bodies of the twins, in the order of the macros."""

    def _reach(self, name: str) -> frozenset[str]:
        """The macros that a macro calls, itself included."""
        found, todo = {name}, [name]
        while todo:
            called = {call for call in _CALLS.findall(self._bodies[todo.pop()]) if call in self._bodies} - found
            found |= called
            todo += called
        return frozenset(found)

    def _texts(self, name: str) -> list[str]:
        return [self._bodies[each] for each in self._reached[name]]

    def _routes(self, text: str) -> bool:
        return "error('route:" in text or any(call in self._udfs for call in _CALLS.findall(text))

    def _hushed(self, text: str) -> str:
        def twin(match: re.Match[str]) -> str:
            return match[0].replace("bp_", _PREFIX, 1) if match[1] in self._loud else match[0]

        return _CAST.sub("TRY_CAST(", _CALLS.sub(twin, _RAISES.sub("NULL", text)))

    def attempt(self, text: str) -> str:
        """DuckDB's TRY around a text; refused where an error of it may only mean that the answer is not known here."""
        if self._routes(text) or any(call in self._unsure for call in _CALLS.findall(text)):
            refuse("a SAFE form whose errors are not told apart here")
        return f"TRY({self._hushed(text)})"
