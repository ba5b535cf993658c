"""What a CREATE TABLE declares: columns, partitioning, clustering."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp

from bigpato_magic.demo.sqltypes import column_of
from bigpato_magic.demo.storage import PARTITION_TIME
from bigpato_magic.errors import QueryError
from bigpato_magic.types import Column, Partitioning, PartitionUnit


def declared_columns(statement: exp.Create) -> tuple[Column, ...]:
    """The columns, none where the query of CREATE TABLE AS gives them.

    Raises:
        QueryError: one has no type of BigQuery.
    """
    if not isinstance(statement.this, exp.Schema):
        return ()
    try:
        return tuple(column_of(d) for d in statement.this.expressions if isinstance(d, exp.ColumnDef))
    except ValueError as error:
        raise QueryError(str(error)) from None


def property_of(properties: exp.Properties | None, kind: type[exp.Expr]) -> Any:
    """The property of that kind, None where there is none."""
    return properties.find(kind) if properties else None


def layout(properties: exp.Properties | None) -> tuple[Partitioning | None, tuple[str, ...]]:
    """PARTITION BY, CLUSTER BY and OPTIONS(require_partition_filter) of a CREATE TABLE."""
    by = property_of(properties, exp.PartitionedByProperty)
    cluster = property_of(properties, exp.ClusterProperty)
    clustering = tuple(c.name for c in cluster.expressions) if cluster else ()
    if by is None or properties is None:
        return None, clustering
    plain = [p for p in properties.expressions if type(p) is exp.Property]
    options = {p.name.lower(): p.args["value"].sql().lower() for p in plain}
    partitioning = _partitioning(by.this)
    required = options.get("require_partition_filter") == "true"
    return replace(partitioning, filter_required=required), clustering


def _partitioning(by: exp.Expr) -> Partitioning:
    if isinstance(by, exp.RangeBucket):
        series = by.expression
        low, high, step = (int(series.args[k].name) for k in ("start", "end", "step"))
        return Partitioning(PartitionUnit.RANGE, by.this.name, low, high, step)
    unit = by.args.get("unit")
    word = unit.name.upper() if unit else "DAY"
    if word not in PartitionUnit.__members__:
        raise QueryError(f"PARTITION BY {word} is none of HOUR, DAY, MONTH, YEAR")
    column = next((c.name for c in by.find_all(exp.Column, exp.Identifier)), by.name)
    hidden = column.upper() in (PARTITION_TIME, "_PARTITIONDATE")
    return Partitioning(PartitionUnit[word], None if hidden else column)
