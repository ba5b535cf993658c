"""What compiling one query remembers, and how its parts find each other: tables from node kinds to functions.

`scans`, `expressions`, `aggregates`, `windows` and `subqueries` fill the tables `SCANS` and `EXPRESSIONS`; a kind that
is in neither is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bigpato_magic.googlesql import tree
from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.physical import full
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.relation import Relation
from bigpato_magic.types import Kind, LocalTable, SqlType, TableId

Node = Any
ScanCompiler = Callable[["Compiler", Node], Relation]
ExprCompiler = Callable[["Compiler", Node], Expr]
F = TypeVar("F", bound=Callable[..., Any])

SCANS: dict[str, ScanCompiler] = {}
EXPRESSIONS: dict[str, ExprCompiler] = {}
# Larger than any number that the analyzer gives.
OWN = 1 << 40
NESTED = (Kind.ARRAY, Kind.STRUCT)
UNGROUPED = (Kind.JSON, Kind.INTERVAL, Kind.RANGE, Kind.GEOGRAPHY)


def scan(*kinds: str) -> Callable[[F], F]:
    """Register the function that compiles scans of these kinds."""

    def register(function: F) -> F:
        SCANS.update(dict.fromkeys(kinds, function))
        return function

    return register


def expression(*kinds: str) -> Callable[[F], F]:
    """Register the function that compiles expressions of these kinds."""

    def register(function: F) -> F:
        EXPRESSIONS.update(dict.fromkeys(kinds, function))
        return function

    return register


@dataclass(frozen=True, slots=True)
class Cte:
    """A WITH entry: its DuckDB name, and its columns as they are inside it.

    Args:
        name: in DuckDB.
        columns: k0, k1, … with what is known of them.
        depth: of a recursive one, while its own term is compiled: the name of the column that counts iterations.
    """

    name: str
    columns: tuple[Expr, ...]
    depth: str | None = None


@dataclass(slots=True)
class Compiler:
    """The state of one compilation. Columns of the resolved tree are numbers, unique in the whole query.

    Args:
        tables: what each table that the query reads is in DuckDB.
        quarantined: names of rules that must not be used.
        condition: a WHERE or an ON is being compiled.
    """

    tables: Mapping[TableId, LocalTable]
    quarantined: frozenset[str] = frozenset()
    columns: dict[int, Expr] = field(default_factory=dict)
    ctes: dict[str, Cte] = field(default_factory=dict)
    recursion: list[Cte] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    count: int = 0
    condition: bool = False

    def fresh(self, prefix: str) -> str:
        """A name that is used nowhere else in the query."""
        self.count += 1
        return f"{prefix}{self.count}"

    def own_column(self) -> int:
        """The id of a column that is not in the resolved tree."""
        self.count += 1
        return OWN + self.count

    def use(self, rule: str) -> None:
        """Note that the answer rests on a rule.

        Raises:
            Refusal: it is quarantined.
        """
        if rule in self.quarantined:
            refuse(f"{rule}, which gave another answer than BigQuery once and is quarantined", code="quarantined")
        self.used.add(rule)

    def scan(self, message: Node) -> Relation:
        """Compile a scan."""
        found = tree.node(message)
        kind = tree.name(found)
        if kind not in SCANS:
            refuse(f"a query with a {kind}", code="no-node")
        self.use(kind)
        outside, self.condition = self.condition, False
        relation = SCANS[kind](self, found)
        self.condition = outside
        return relation

    def expr(self, message: Node) -> Expr:
        """Compile an expression."""
        found = tree.node(message)
        kind = tree.name(found)
        if kind not in EXPRESSIONS:
            refuse(f"an expression of kind {kind}", code="no-node")
        return EXPRESSIONS[kind](self, found)

    def filter(self, message: Node) -> str:
        """The text of a condition that rows must meet."""
        self.condition = True
        made = self.expr(message)
        self.condition = False
        return made.sql

    def type_of(self, found: Node) -> SqlType:
        """The type of an expression or a column.

        Raises:
            Refusal: it is one that BigQuery's values do not have.
        """
        try:
            return tree.type_of(found)
        except tree.UnknownType as unknown:
            refuse(f"values of type {unknown}", code="type")

    # ------------------------------------------------------------------------------- relations

    def simple(self, relation: Relation) -> bool:
        """Are all its columns mere columns or literals?"""
        return all(self.columns[i].simple for i in relation.columns)

    def column_list(self, columns: Iterable[int]) -> str:
        """`x AS c1, …`."""
        return ", ".join(f"{self.columns[i].sql} AS c{i}" for i in columns) or "1 AS c0"

    def wrap(self, relation: Relation, columns: Iterable[int] | None = None) -> Relation:
        """The relation in parentheses, as the FROM of a new one whose columns are plain."""
        kept = list(dict.fromkeys([*(relation.columns if columns is None else columns), *relation.hidden]))
        alias = self.fresh("t")
        inner = relation.select(self.column_list(kept), order=False)
        for i in kept:
            self.rebind(i, f"{alias}.c{i}")
        keys = [i for i in relation.keys if i in kept]
        return Relation(f"({inner}) AS {alias}", kept, hidden=relation.hidden, keys=keys)

    def rebind(self, column: int, sql: str) -> None:
        """Let a column be a plain reference from now on."""
        old = self.columns[column]
        self.columns[column] = Expr(sql, old.type, old.facts, plain=True, folds=old.folds)

    def opened(self, relation: Relation) -> Relation:
        """The relation, ready for a WHERE, a GROUP BY or a window over its columns."""
        return relation if relation.open and self.simple(relation) else self.wrap(relation)

    def keep(self, relation: Relation, found: Node) -> Relation:
        """The relation with the columns that the scan gives."""
        wanted = dict.fromkeys(column.column_id for column in tree.get(found, "column_list"))
        relation.columns = list(wanted | dict.fromkeys(relation.hidden))
        return relation


def full_width(exprs: Iterable[Expr]) -> list[Expr]:
    """The same expressions, NUMERIC ones as DECIMAL(38,9)."""
    return [full(e) for e in exprs]


def maybe_null(e: Expr) -> Expr:
    """The same, on the side of an outer join that may be missing."""
    return e if e.facts.nulls else replace(e, facts=replace(e.facts, nulls=True))


def is_nested(type_: SqlType) -> bool:
    """An ARRAY or a STRUCT."""
    return type_.kind in NESTED


def comparable(type_: SqlType, what: str) -> None:
    """Refuse to group, partition or tell apart values that DuckDB would tell apart otherwise than GoogleSQL.

    Inside ARRAY and STRUCT also FLOAT64, whose two zeros and NaN are compared byte by byte there.
    """
    inner = [t.kind for t in type_.walk()]
    wrong = UNGROUPED if len(inner) == 1 else (*UNGROUPED, Kind.FLOAT64)
    if any(kind in wrong for kind in inner):
        refuse(f"{what} over {type_} values", code="type")


def no_collation(found: Node, fields: Iterable[str] = ("collation_list",)) -> None:
    """Refuse a node that compares text by a collation."""
    for name in fields:
        entries = tree.get(found, name)
        for entry in entries if not hasattr(entries, "collation_name") else [entries]:
            if entry.collation_name or entry.child_list:
                refuse("collation", code="unsupported")
