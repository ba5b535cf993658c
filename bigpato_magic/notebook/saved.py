"""Named queries (`--save`, `--with`), put before a query as common table expressions. Pure text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.googlesql.identifiers import quoted
from bigpato_magic.googlesql.lexer import outside, query_start, with_clause


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

    def texts(self) -> dict[str, str]:
        """The saved queries by name."""
        return {name: query.sql for name, query in self._by_name.items()}

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
            ConfigurationError: a name is unknown, or the statement has no query.
        """
        needed = self._needed(uses)
        if not needed:
            return sql
        # Each on lines of its own: a saved text may end in a comment.
        expressions = ",\n".join(f"{quoted(name)} AS (\n{self._by_name[name].sql}\n)" for name in needed)
        start = query_start(sql)
        if start is None:
            raise ConfigurationError(f"--with {needed[-1]}: there is no one query in the cell to put it before")
        head, sql = sql[:start], sql[start:]
        clause = with_clause(sql)
        if clause is None:
            return f"{head}WITH {expressions}\n{sql}"
        end, recursive = clause
        return f"{head}WITH{recursive and f' {recursive}'} {expressions},{sql[end:]}"

    def _needed(self, uses: Sequence[str]) -> tuple[str, ...]:
        """The names in an order in which each stands behind those that it uses."""
        needed: dict[str, None] = {}
        for name in uses:
            if name not in self._by_name:
                known = ", ".join(self._by_name) or "none yet"
                raise ConfigurationError(f"--with {name}: no such saved query", hint=f"saved: {known}")
            needed |= dict.fromkeys(self._needed(self._by_name[name].uses))
            needed[name] = None
        return tuple(needed)


def _one_statement(sql: str) -> str:
    """Without the semicolon at its end, behind which there may be a comment."""
    code = outside(sql).rstrip()
    if not code.endswith(";"):
        return sql.strip()
    return (sql[: len(code) - 1] + sql[len(code) :]).strip()
