"""A query as it is asked, analyzed, and compiled or refused. What is decided of it: `decisions`; its answer: `results`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bigpato_magic.types.copies import ColumnStats
from bigpato_magic.types.routines import RoutineFacts
from bigpato_magic.types.sql import SqlType
from bigpato_magic.types.tables import Column, TableId


class Route(StrEnum):
    """Where a query may run."""

    AUTO = "auto"
    LOCAL = "local"
    BIGQUERY = "bigquery"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A typed query parameter.

    Args:
        name: without `@`; None for a positional one.
        type: BigQuery's.
        value: a plain Python value of that type (int, float, Decimal, str, bytes, bool, date, datetime, time,
            list, dict for a STRUCT, None).
    """

    name: str | None
    type: SqlType
    value: Any


def held_name(name: str | None, position: int) -> str:
    """What a query parameter is called in compiled SQL, without `$`: `p_since`, or `p1` for the first `?`.

    No name that a person can give is one of this package's own (`MOMENT`).

    >>> held_name("Since", 1), held_name(None, 1), held_name("p1", 1), held_name("bp_now", 1)
    ('p_since', 'p1', 'p_p1', 'p_bp_now')
    """
    return f"p{position}" if name is None else f"p_{name.lower()}"


MOMENT = "bp_now"
"""The parameter of compiled SQL that is the moment of the run: microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a query, or a table of it, does not run locally.

    Args:
        code: short, stable and documented (`not-local`, `stale`, `no-rule`, …).
        message: the sentence that a person reads.
        table: the table it is about, if about one.
    """

    code: str
    message: str
    table: TableId | None = None

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of a result: the name BigQuery gives it (`f0_` for an anonymous one), and its type."""

    name: str
    type: SqlType


@dataclass(frozen=True, slots=True)
class TableRead:
    """What a query reads of one table.

    Args:
        table: which.
        columns: lower-case names after pruning, pseudo-columns included.
        partitions: predicate domain of the partitioning column, None where nothing is known (all of it).
    """

    table: TableId
    columns: frozenset[str]
    partitions: Any = None


@dataclass(frozen=True, slots=True)
class AnalyzedQuery:
    """What Google's analyzer says that a query means.

    Args:
        sql: the text that was analyzed.
        tree: the resolved statement (a protobuf message; read through `resolved.tree`).
        tables: what it reads, by full name.
        outputs: names and types of the result, in order.
        parameters: types of the parameters used, by lower-case name, or by 1-based position as text.
        routines: persistent functions whose bodies stand in it, by the names that texts have for them.
        wildcards: the shards that it reads of each wildcard table; they stand in its tree, and are among its tables.
    """

    sql: str
    tree: Any
    tables: Mapping[TableId, TableRead]
    outputs: tuple[OutputColumn, ...]
    parameters: Mapping[str, SqlType] = field(default_factory=dict)
    routines: Mapping[tuple[str, ...], RoutineFacts] = field(default_factory=dict)
    wildcards: Mapping[TableId, tuple[TableId, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocalTable:
    """A table as compiled SQL sees it.

    Args:
        relation: its name in DuckDB, already quoted, or a query in parentheses.
        columns: that it has.
        stats: facts of its columns, by lower-case name.
        guarded: reading it may stop the run: the query in parentheses calls `error` or a function of this package.
    """

    relation: str
    columns: tuple[Column, ...]
    stats: Mapping[str, ColumnStats] = field(default_factory=dict)
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    """DuckDB SQL that gives BigQuery's answer. Parameters are called as `held_name` says, and `MOMENT`.

    Args:
        sql: one SELECT.
        outputs: names and types of the result, in order.
        rules: the names of the rules that it rests on, for explanation, verification and quarantine.
        inner: its rows are no result but go on to an `UpperPart`: fields of a STRUCT are told by position, NULL arrays and
            NULLs in arrays stay what they are.
        total: it is certain that no row stops it: it raises nothing, and nowhere needs BigQuery after all.
        constants: expressions without columns that may raise, and of which DuckDB may not look at all.
    """

    sql: str
    outputs: tuple[OutputColumn, ...]
    rules: frozenset[str] = frozenset()
    inner: bool = False
    total: bool = False
    constants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """No faithful DuckDB SQL is known, and why."""

    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a query is refused for at least one reason")


@dataclass(frozen=True, slots=True)
class UpperPart:
    """What is left of a query above the part that DuckDB computes: a query over that part's rows.

    Args:
        sql: GoogleSQL over the one table of that name.
        table: the name.
        columns: of the part's rows, in order, with GoogleSQL's own types.
        outputs: names and types of the result.
        most: rows of the part that the evaluator takes.
        cost: rows that it looks at for each of them.
    """

    sql: str
    table: str
    columns: tuple[OutputColumn, ...]
    outputs: tuple[OutputColumn, ...]
    most: int
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Split:
    """A query in two.

    Args:
        compiled: the lower part, which DuckDB runs.
        upper: the rest, which the evaluator runs over its rows.
    """

    compiled: Compiled
    upper: UpperPart
