"""Named queries (`--save`, `--with`), put before a query as common table expressions. Pure text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.sql.read import outside

_COMMENTS = r"(?:\s|--[^\n]*(?:\n|$)|\#[^\n]*(?:\n|$)|/\*.*?\*/)*"
_WITH = re.compile(rf"{_COMMENTS}WITH\b(?P<recursive>{_COMMENTS}RECURSIVE\b)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A named query and the names that it is built on."""

    name: str
    sql: str
    uses: tuple[str, ...] = ()


class SavedQueries:
    """The named queries of one session."""

    def __init__(self) -> None:
        self._by_name: dict[str, SavedQuery] = {}

    def __iter__(self) -> object:
        return iter(self._by_name)

    def save(self, name: str, sql: str, uses: Sequence[str] = ()) -> None:
        """Keep a query under a name.

        Raises:
            ConfigurationError: the name is no SQL name, is built on itself, or uses an unknown one.
        """
        if not re.fullmatch(r"[^\W\d]\w*", name):
            raise ConfigurationError(f"--save {name}: a saved query's name is a word")
        if name in self._needed(uses):
            raise ConfigurationError(f"--save {name}: it would be built on itself")
        self._by_name[name] = SavedQuery(name, _one_statement(sql), tuple(uses))

    def compose(self, sql: str, uses: Sequence[str]) -> str:
        """`sql` with the named queries, and what they are built on, before it.

        Raises:
            ConfigurationError: a name is unknown.
        """
        needed = self._needed(uses)
        if not needed:
            return sql
        # Each on lines of its own: a saved text may end in a comment.
        expressions = ",\n".join(f"{name} AS (\n{self._by_name[name].sql}\n)" for name in needed)
        match = _WITH.match(sql)
        if match is None:
            return f"WITH {expressions}\n{sql}"
        return f"WITH{match['recursive'] or ''} {expressions},{sql[match.end() :]}"

    def _needed(self, uses: Sequence[str]) -> tuple[str, ...]:
        """The names in an order in which each stands behind those that it uses."""
        found: dict[str, None] = {}
        for name in uses:
            if name not in self._by_name:
                known = ", ".join(self._by_name) or "none yet"
                raise ConfigurationError(f"--with {name}: no such saved query", hint=f"saved: {known}")
            found |= dict.fromkeys(self._needed(self._by_name[name].uses))
            found[name] = None
        return tuple(found)


def _one_statement(sql: str) -> str:
    """Without the semicolon at its end, behind which there may be a comment."""
    code = outside(sql).rstrip()
    if not code.endswith(";"):
        return sql.strip()
    return (sql[: len(code) - 1] + sql[len(code) :]).strip()
