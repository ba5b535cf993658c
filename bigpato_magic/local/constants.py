"""Constants that may raise: DuckDB may never look at one beside what settles a value, and GoogleSQL always does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bigpato_magic.lru import LruCache

if TYPE_CHECKING:
    import duckdb

_REMEMBERED = 1_000
"""Texts that have been evaluated."""


class Constants:
    """Evaluates the constants of queries before they run, the same ones once; safe to use from several threads."""

    def __init__(self) -> None:
        self._sound: LruCache[bool] = LruCache(_REMEMBERED)

    def evaluate(self, cursor: duckdb.DuckDBPyConnection, constants: Sequence[str], values: Mapping[str, Any]) -> None:
        """Raise what one of them raises.

        Args:
            cursor: of the connection that runs the query.
            constants: DuckDB texts.
            values: parameters that they may mention.
        """
        texts = tuple(constants)
        if not texts or self._sound.get(texts):
            return
        import duckdb

        sql = f"SELECT {', '.join(texts)}"
        wanted = duckdb.extract_statements(sql)[0].named_parameters
        cursor.sql(sql, params={name: values[name] for name in wanted}).to_arrow_table()
        if not wanted:
            self._sound.put(texts, True)
