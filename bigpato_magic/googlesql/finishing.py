"""A finish: what is left of a query above a part that DuckDB computes, evaluated over that part's rows.

`cutting` makes the two parts; here the upper one becomes text, once, and is evaluated each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import rows as moved
from bigpato_magic.googlesql.analysis import LONGEST, asking
from bigpato_magic.googlesql.catalog import Entry
from bigpato_magic.googlesql.cutting import BELOW, Cut
from bigpato_magic.googlesql.effort import Effort
from bigpato_magic.googlesql.evaluation import Limits, evaluated, named
from bigpato_magic.googlesql.rebuild import Rebuilt, rebuilt
from bigpato_magic.googlesql.service import Role
from bigpato_magic.googlesql.source import Source
from bigpato_magic.types import Finish, OutputColumn, Parameter, TableId

if TYPE_CHECKING:
    import pyarrow as pa


class TooMany(AnalyzerUnavailable):
    """The rows to be finished are more than the evaluator should be given."""


def prepare_finish(cut: Cut, outputs: tuple[OutputColumn, ...], *, most: int, limits: Limits = Limits()) -> Finish:
    """The upper part of a query, ready to be evaluated over rows of the lower one.

    Args:
        cut: the two parts.
        outputs: of the whole query.
        most: rows that it takes.
        limits: of the evaluator's work.

    Raises:
        AnalyzerUnavailable: the analyzer is not ready or does not write it, or a single row may be too much work.
    """
    columns = cut.below.outputs
    effort = Effort(lambda _: 1).of(cut.above)
    if effort > limits.product:
        raise TooMany(f"{effort:,} combinations for each row are too many for the reference implementation")
    with asking(Source(cut.below.sql, "")) as instance:
        written = rebuilt(instance, cut.above, (_entry(BELOW, columns),))
    if len(written.sql.encode()) > LONGEST:
        raise AnalyzerUnavailable("what is left of the query is too long a text for the evaluator")
    return Finish(written.sql, written.scans[0].path[0], columns, outputs, most, effort)


def finish(
    rest: Finish, rows: pa.Table, parameters: Sequence[Parameter] = (), *, limits: Limits = Limits()
) -> pa.Table:
    """BigQuery's answer, from the rows of the part below, as DuckDB holds them.

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
    with asking(Source(rest.sql, rest.sql), Role.EVALUATE) as instance:
        content = [(entry, [(kind, rows.column(i)) for i, (_, kind) in enumerate(entry.columns)], rows.num_rows)]
        answer = evaluated(instance, Rebuilt(rest.sql, (entry,)), named(parameters), content)
    return moved.arrow_table(answer, rest.outputs)


def _check_size(rest: Finish, rows: pa.Table, limits: Limits) -> None:
    steps = rows.num_rows * rest.effort
    if rows.num_rows > rest.most:
        raise TooMany(too_many(rest.most))
    if steps > limits.product:
        raise TooMany(f"{steps:,} combinations of rows are too many for Google's evaluator to finish")
    if rows.nbytes > limits.bytes:
        raise TooMany(f"rows of {rows.nbytes:,} bytes are too many for Google's evaluator to finish")


def too_many(most: int) -> str:
    """Why a finish ends where it begins, as a person reads it."""
    return f"more than {most:,} rows are left for Google's evaluator to finish"


def _entry(table: str, columns: tuple[OutputColumn, ...]) -> Entry:
    return Entry((table,), TableId("", "", table), tuple((column.name, column.type) for column in columns))
