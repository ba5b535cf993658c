"""Several questions in one job of BigQuery, and their answers out of its one row.

Each becomes an array of structs beside the others: https://cloud.google.com/bigquery/docs/reference/standard-sql/subqueries#array_subquery_concepts
An array keeps all rows of a question and all fields of a row, in no order: answers are compared without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from bigpato_magic.runner import Request
    from bigpato_magic.types import QueryResult

LARGEST = 64 * 1024
"""Characters of a batch's text; BigQuery takes a megabyte, and says of a longer one that it is too complex."""
MOST = 40
"""Questions of a batch."""

_UNNAMED = re.compile(r"f\d+_")
"""What BigQuery calls a column without a name; a field of a struct without one is called otherwise."""


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """What was asked, and what this machine answers."""

    request: Request
    result: QueryResult


def batches(answers: Sequence[LocalAnswer]) -> Iterator[tuple[LocalAnswer, ...]]:
    """Those that can be asked together, together; each of the others alone."""
    batch: list[LocalAnswer] = []
    for answer in sorted(answers, key=_stands_alone):
        full = len(batch) == MOST or sum(len(each.request.sql) for each in batch) + len(answer.request.sql) > LARGEST
        if batch and (full or _stands_alone(answer)):
            yield tuple(batch)
            batch = []
        batch.append(answer)
    if batch:
        yield tuple(batch)


def packed(batch: Sequence[LocalAnswer]) -> str:
    """The text of one job for all of them."""
    columns = (f"ARRAY(SELECT AS STRUCT * FROM (\n{each.request.sql}\n)) AS q{i}" for i, each in enumerate(batch))
    return "SELECT\n" + ",\n".join(columns)


def unpacked(row: pa.Table) -> list[pa.Table]:
    """Their answers, in the order of the batch.

    Args:
        row: the job's only row, a column for each question.
    """
    return [_rows(column.combine_chunks()) for column in row.columns]


def _rows(arrays: pa.ListArray) -> pa.Table:
    structs = arrays.flatten()
    fields = [structs.type.field(i) for i in range(structs.type.num_fields)]
    return pa.Table.from_arrays(structs.flatten(), schema=pa.schema(fields))


def _stands_alone(answer: LocalAnswer) -> bool:
    names = [name.casefold() for name in answer.result.arrow.schema.names]
    return len(set(names)) < len(names) or any(map(_UNNAMED.fullmatch, names))
