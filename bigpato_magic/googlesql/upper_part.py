"""The upper part of a query, evaluated over the rows of the lower part, which DuckDB has computed.

`resolved.split` makes the two parts; here the upper one becomes text, once, and is evaluated each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import rows as moved
from bigpato_magic.googlesql.analysis import LONGEST, asking
from bigpato_magic.googlesql.catalog import CatalogTable
from bigpato_magic.googlesql.evaluation import WorkLimits, evaluated, named
from bigpato_magic.googlesql.rebuild import Rebuilt, rebuilt
from bigpato_magic.googlesql.service import Role
from bigpato_magic.googlesql.source import SourceText
from bigpato_magic.resolved.cost_bound import CostBound
from bigpato_magic.resolved.split import LOWER, TreeSplit
from bigpato_magic.types import OutputColumn, Parameter, TableId, UpperPart

if TYPE_CHECKING:
    import pyarrow as pa


class TooManyRows(AnalyzerUnavailable):
    """The rows to be finished are more than the evaluator should be given."""


def prepare_upper(
    split: TreeSplit, outputs: tuple[OutputColumn, ...], *, most: int, limits: WorkLimits = WorkLimits()
) -> UpperPart:
    """The upper part of a query, ready to be evaluated over rows of the lower one.

    Args:
        split: the two parts.
        outputs: of the whole query.
        most: rows that it takes.
        limits: of the evaluator's work.

    Raises:
        AnalyzerUnavailable: the analyzer is not ready or does not write it, or a single row may be too much work.
    """
    columns = split.lower.outputs
    cost = CostBound(lambda _: 1).of(split.upper)
    if cost > limits.product:
        raise TooManyRows(f"{cost:,} combinations for each row are too many for Google's evaluator")
    with asking(SourceText(split.lower.sql, "")) as instance:
        written = rebuilt(instance, split.upper, (_entry(LOWER, columns),))
    if len(written.sql.encode()) > LONGEST:
        raise AnalyzerUnavailable("what is left of the query is too long a text for the evaluator")
    return UpperPart(written.sql, written.scans[0].path[0], columns, outputs, most, cost)


def evaluate_upper(
    rest: UpperPart, rows: pa.Table, parameters: Sequence[Parameter] = (), *, limits: WorkLimits = WorkLimits()
) -> pa.Table:
    """BigQuery's answer, from the rows of the lower part, as DuckDB holds them.

    Args:
        rest: what is left to do.
        rows: columns in the order of `rest.columns`.
        parameters: all of the query's, with their values.
        limits: of the evaluator's work.

    Returns:
        A `pyarrow.Table` with the schema of `frames.arrow_schema(rest.outputs)`.

    Raises:
        QueryError: BigQuery would stop while it ran the query.
        TooMany: there are more rows, or larger ones, than the evaluator should be given.
        AnalyzerUnavailable: the evaluator is not ready, or has no answer.
    """
    _check_size(rest, rows, limits)
    entry = _entry(rest.table, rest.columns)
    with asking(SourceText(rest.sql, rest.sql), Role.EVALUATE) as instance:
        content = [(entry, [(kind, rows.column(i)) for i, (_, kind) in enumerate(entry.columns)], rows.num_rows)]
        answer = evaluated(instance, Rebuilt(rest.sql, (entry,)), named(parameters), content)
    return moved.arrow_table(answer, rest.outputs)


def _check_size(rest: UpperPart, rows: pa.Table, limits: WorkLimits) -> None:
    steps = rows.num_rows * rest.cost
    if rows.num_rows > rest.most:
        raise TooManyRows(too_many(rest.most))
    if steps > limits.product:
        raise TooManyRows(f"{steps:,} combinations of rows are too many for Google's evaluator to finish")
    if rows.nbytes > limits.bytes:
        raise TooManyRows(f"rows of {rows.nbytes:,} bytes are too many for Google's evaluator to finish")


def too_many(most: int) -> str:
    """Why an upper part is not evaluated, as a person reads it."""
    return f"more than {most:,} rows are left for Google's evaluator to finish"


def _entry(table: str, columns: tuple[OutputColumn, ...]) -> CatalogTable:
    return CatalogTable((table,), TableId("", "", table), tuple((column.name, column.type) for column in columns))
