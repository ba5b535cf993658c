"""GoogleSQL text of a resolved statement: what the evaluator runs over rows, and what BigQuery can be sent.

The module's own writer loses the aliases of tables, so that a table inside a subquery hides the same table outside. So
each scan gets a table of its own here, by a name that occurs nowhere else, and what was written is read again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import catalog, options
from bigpato_magic.googlesql.analysis import asking
from bigpato_magic.googlesql.catalog import CatalogTable, Described, Path
from bigpato_magic.googlesql.instance import message
from bigpato_magic.googlesql.source import SourceText
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.side_effects import raise_at_once
from bigpato_magic.resolved.values import fill_type
from bigpato_magic.types import Kind, SqlType

if TYPE_CHECKING:
    from bigpato_magic.googlesql.instance import Instance

_NAME = "bigpato_scan_{}"
_SCAN = re.compile(r"\b(FROM|JOIN) bigpato_scan_(\d+)\b(?! AS )")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A statement as text.

    Args:
        sql: with one table per scan.
        scans: those tables, each at the top of the catalogue, in the order of their numbers from 1.
    """

    sql: str
    scans: tuple[CatalogTable, ...]

    def named(self) -> str:
        """The text with the tables' own full names."""
        return _SCAN.sub(lambda match: f"{match[1]} {self._table(int(match[2]))}", self.sql)

    def _table(self, number: int) -> str:
        return f"`{self.scans[number - 1].id}` AS {_NAME.format(number)}"


def build_sql(statement: Any, tables: Mapping[Path, Described], *, as_of: datetime | None = None) -> str:
    """GoogleSQL that means what a resolved statement means, with tables by their full names.

    Args:
        statement: `AnalyzedQuery.tree`.
        tables: as they were told to `analyze`.
        as_of: the instant that all tables are read at; None for that of the statement.

    Raises:
        AnalyzerUnavailable: the analyzer is not ready, gave up, or does not read its own text as that statement.
    """
    with asking(SourceText("", "")) as instance:
        told = statement if as_of is None else _at_one_instant(statement, as_of)
        return rebuilt(instance, told, catalog.entries(tables)).named()


def _at_one_instant(statement: Any, at: datetime) -> Any:
    """The same statement, with `FOR SYSTEM_TIME AS OF` that instant at each scan of a table."""
    told = type(statement)()
    told.CopyFrom(statement)
    for scan in tree.walk(told, ("TableScan",)):
        literal = scan.for_system_time_expr.resolved_literal_node
        for described in (literal.parent.type, literal.value.type):
            fill_type(described, SqlType(Kind.TIMESTAMP))
        literal.value.value.timestamp_value.FromDatetime(at.replace(tzinfo=None) - (at.utcoffset() or timedelta()))
        literal.has_explicit_type = True
    return told


def rebuilt(instance: Instance, statement: Any, entries: tuple[CatalogTable, ...]) -> Rebuilt:
    """`build_sql`, by an instance that is already lent, with a table per scan.

    Args:
        instance: the analyzer's, for this caller alone.
        statement: a resolved query.
        entries: its tables; a scan's `serialization_id` is a place among them, from 1.
    """
    request = message("BuildSql", descriptor_pool_list=catalog.descriptor_pools())
    request.resolved_statement.resolved_query_stmt_node.CopyFrom(statement)
    raise_at_once(request.resolved_statement.resolved_query_stmt_node)
    scans = _separate(request.resolved_statement, entries)
    request.simple_catalog.CopyFrom(catalog.simple_catalog(instance, scans))
    sql = str(instance.call("BuildSql", request).sql)
    _check(instance, sql, request)
    return Rebuilt(sql, scans)


def _separate(statement: Any, entries: tuple[CatalogTable, ...]) -> tuple[CatalogTable, ...]:
    """Give each scan of a statement its own table, in place."""
    scans = []
    for number, scan in enumerate(tree.walk(tree.node(statement), ("TableScan",)), 1):
        entry = entries[scan.table.serialization_id - 1]
        scans.append(replace(entry, path=(_NAME.format(number),)))
        for reference in (scan.table, *(column.table_ref for column in scan.table_column_list)):
            reference.name = reference.full_name = _NAME.format(number)
            reference.serialization_id = number
    return tuple(scans)


def _check(instance: Instance, sql: str, request: Any) -> None:
    """Read the text again: as many columns as before must come from outside the subquery that they are used in."""
    read = instance.call(
        "Analyze",
        sql_statement=sql,
        simple_catalog=request.simple_catalog,
        options=options.analyzer_options(instance),
        descriptor_pool_list=request.descriptor_pool_list,
    )
    if _correlated(read.resolved_statement) != _correlated(request.resolved_statement):
        raise AnalyzerUnavailable("Google's analyzer does not read its own text of this query as it wrote it")


def _correlated(statement: Any) -> int:
    references = tree.walk(tree.node(statement), ("ColumnRef",))
    return sum(column.is_correlated for column in references)
