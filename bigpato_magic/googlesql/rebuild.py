"""GoogleSQL text of a resolved statement: what the evaluator runs over rows, and what BigQuery can be sent.

The module's own writer loses the aliases of tables, so that a table inside a subquery hides the same table outside. So
each scan gets a table of its own here, by a name that occurs nowhere else, and what was written is read again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import catalog, options, tree
from bigpato_magic.googlesql.analysis import asking
from bigpato_magic.googlesql.catalog import Described, Entry, Path
from bigpato_magic.googlesql.deferred import undefer
from bigpato_magic.googlesql.source import Source

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
    scans: tuple[Entry, ...]

    def named(self) -> str:
        """The text with the tables' own full names."""
        return _SCAN.sub(lambda found: f"{found[1]} {self._table(int(found[2]))}", self.sql)

    def _table(self, number: int) -> str:
        return f"`{self.scans[number - 1].id}` AS {_NAME.format(number)}"


def build_sql(statement: Any, tables: Mapping[Path, Described]) -> str:
    """GoogleSQL that means what a resolved statement means, with tables by their full names.

    Args:
        statement: `AnalyzedQuery.tree`.
        tables: as they were told to `analyze`.

    Raises:
        AnalyzerUnavailable: the analyzer is not ready, gave up, or does not read its own text as that statement.
    """
    with asking(Source("", "")) as instance:
        return rebuilt(instance, statement, catalog.entries(tables)).named()


def rebuilt(instance: Instance, statement: Any, entries: tuple[Entry, ...]) -> Rebuilt:
    """`build_sql`, by an instance that is already lent, with a table per scan."""
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as protos

    request = protos.BuildSqlRequest(descriptor_pool_list=catalog.descriptor_pools())
    request.resolved_statement.resolved_query_stmt_node.CopyFrom(statement)
    undefer(request.resolved_statement.resolved_query_stmt_node)
    scans = _separate(request.resolved_statement, entries)
    request.simple_catalog.CopyFrom(catalog.simple_catalog(instance, scans))
    sql = str(instance.call("BuildSql", request, protos.BuildSqlResponse).sql)
    _check(instance, sql, request)
    return Rebuilt(sql, scans)


def _separate(statement: Any, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
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
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as protos

    again = protos.AnalyzeRequest(sql_statement=sql, simple_catalog=request.simple_catalog)
    again.options.CopyFrom(options.analyzer_options(instance))
    again.descriptor_pool_list.CopyFrom(catalog.descriptor_pools())
    read = instance.call("Analyze", again, protos.AnalyzeResponse)
    if _correlated(read.resolved_statement) != _correlated(request.resolved_statement):
        raise AnalyzerUnavailable("Google's analyzer does not read its own text of this query as it wrote it")


def _correlated(statement: Any) -> int:
    found = tree.walk(tree.node(statement), ("ColumnRef",))
    return sum(column.is_correlated for column in found)
