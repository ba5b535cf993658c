"""Texts that give NULL where they would raise: what SAFE makes of a rule's text, with DuckDB's TRY around it.

DuckDB's TRY takes no `error(…)`, because it counts as volatile: it becomes NULL, in macros too, by a quiet twin of each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.templates import OURS, name_of, tokens

_PREFIX = f"{OURS}quiet_"


class NullOnError:
    """The macros of all families, and their quiet twins.

    Args:
        macros: bodies by heads, as in `MACROS`.
        udfs: names of functions that code answers: they tell `route` by raising, and TRY would take it for an error.
    """

    def __init__(self, macros: Mapping[str, str], udfs: Collection[str]) -> None:
        self._bodies = {name_of(head): tokens(body) for head, body in macros.items()}
        self._udfs = frozenset(udfs)
        reached = {name: self._reach(name) for name in self._bodies}
        self._loud = {name for name, some in reached.items() if any(_can_throw(self._bodies[each]) for each in some)}
        self._unsure = {
            name for name, some in reached.items() if any(self._routes(self._bodies[each]) for each in some)
        }
        self.twins = {
            _twin(head): self._hushed(self._bodies[name])
            for head in macros
            if (name := name_of(head)) in self._loud - self._unsure
        }
        """Heads and bodies of the twins, in the order of the macros."""

    def _reach(self, name: str) -> set[str]:
        """The macros that a macro calls, itself included."""
        reached, todo = {name}, [name]
        while todo:
            called = {call for call in _calls(self._bodies[todo.pop()]) if call in self._bodies} - reached
            reached |= called
            todo += called
        return reached

    def _routes(self, words: list[str]) -> bool:
        return any(message.startswith("'route:") for message in _errors(words)) or not self._udfs.isdisjoint(
            _calls(words)
        )

    def _hushed(self, words: list[str]) -> str:
        hushed = list(words)
        for at in _called(words):
            if _is_error(words, at):
                hushed[at : at + 4] = ["NULL", "", "", ""]
            elif words[at] == "CAST":
                # DuckDB takes what is mentioned twice out of TRY and does it before.
                hushed[at] = "TRY_CAST"
            elif words[at] in self._loud:
                hushed[at] = _twin(words[at])
        return "".join(hushed)

    def attempt(self, template: str) -> str:
        """DuckDB's TRY around a template; refused where an error of it may only mean that the answer is not known here."""
        words = tokens(template)
        if self._routes(words) or not self._unsure.isdisjoint(_calls(words)):
            refuse("a SAFE form whose errors are not told apart here")
        return f"TRY({self._hushed(words)})"


def _twin(macro: str) -> str:
    return _PREFIX + macro.removeprefix(OURS)


def _called(words: list[str]) -> list[int]:
    """Where the names of what is called stand."""
    return [at for at, after in enumerate(words[1:]) if after == "("]


def _calls(words: list[str]) -> list[str]:
    return [words[at] for at in _called(words)]


def _errors(words: list[str]) -> list[str]:
    """The messages, as literals, of what raises."""
    return [words[at + 2] for at in _called(words) if words[at] == "error"]


def _is_error(words: list[str], at: int) -> bool:
    return words[at] == "error" and words[at + 2][0] == "'" and words[at + 3] == ")"


def _can_throw(words: list[str]) -> bool:
    return any(_is_error(words, at) for at in _called(words))
