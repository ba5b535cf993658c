"""What compiling one query remembers, and how its parts find each other: tables from node kinds to functions.

`scans`, `expressions`, `aggregates`, `windows` and `subqueries` fill the tables `SCANS` and `EXPRESSIONS`; a kind that
is in neither is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bigpato_magic.resolved import tree
from bigpato_magic.sql.expr import Expr, column
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


def _registered(table: dict[str, Any], kinds: Iterable[str]) -> Callable[[F], F]:
    def register(function: F) -> F:
        table.update(dict.fromkeys(kinds, function))
        return function

    return register


def scan(*kinds: str) -> Callable[[F], F]:
    """Register the function that compiles scans of these kinds."""
    return _registered(SCANS, kinds)


def expression(*kinds: str) -> Callable[[F], F]:
    """Register the function that compiles expressions of these kinds."""
    return _registered(EXPRESSIONS, kinds)


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
class Seen:
    """What the texts that are compiled so far, of a query or a subquery, may do.

    Args:
        can_throw: raise.
        guarded: call `error`, or a function of this package (`Properties.guarded`).
        moment: mention the moment of the run.
        aliases: what of FROM clauses they mention.
    """

    can_throw: bool = False
    guarded: bool = False
    moment: bool = False
    aliases: set[str] = field(default_factory=set)

    def add(self, e: Expr) -> None:
        """Let an expression count."""
        self.can_throw |= e.can_throw
        self.guarded |= e.properties.guarded
        self.moment |= e.properties.moment
        self.aliases |= e.properties.aliases


@dataclass(slots=True)
class Compiler:
    """The state of one compilation. Columns of the resolved tree are numbers, unique in the whole query.

    Args:
        tables: what each table that the query reads is in DuckDB.
        quarantined: names of rules that must not be used.
        exact: approximate aggregate functions give the exact figure.
        condition: what is being compiled is one of the conditions of a WHERE or an ON.
        seen: what is compiled so far, of the query or of the subquery that is being compiled.
        constants: arguments without columns that may raise: evaluated once, before the query.
        names: see `names_of`.
        draws: RAND() may be called here; false inside a subquery of an expression.
        drawn: columns that hold the draws of what is being compiled; see `sql.draws`.
    """

    tables: Mapping[TableId, LocalTable]
    quarantined: frozenset[str] = frozenset()
    exact: bool = False
    columns: dict[int, Expr] = field(default_factory=dict)
    ctes: dict[str, Cte] = field(default_factory=dict)
    recursion: list[Cte] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    count: int = 0
    condition: bool = False
    seen: Seen = field(default_factory=Seen)
    constants: dict[str, None] = field(default_factory=dict)
    names: dict[TableId, dict[str, str]] = field(default_factory=dict)
    draws: bool = False
    drawn: list[int] = field(default_factory=list)

    def fresh(self, prefix: str) -> str:
        """A name that is used nowhere else in the query."""
        self.count += 1
        return f"{prefix}{self.count}"

    def own_column(self) -> int:
        """The id of a column that is not in the resolved tree."""
        self.count += 1
        return OWN + self.count

    def names_of(self, table: TableId) -> dict[str, str]:
        """The names of a table's columns by those names in small letters."""
        if table not in self.names:
            self.names[table] = {column.name.lower(): column.name for column in self.tables[table].columns}
        return self.names[table]

    def use(self, rule: str) -> None:
        """Note that the answer rests on a rule.

        Raises:
            Unsupported: it is quarantined.
        """
        if rule in self.quarantined:
            refuse(f"{rule}, which gave another answer than BigQuery once and is quarantined", code="quarantined")
        self.used.add(rule)

    def scan(self, message: Node) -> Relation:
        """Compile a scan."""
        node = tree.node(message)
        kind = tree.name(node)
        if kind not in SCANS:
            refuse(f"a query with a {kind}", code="no-node")
        self.use(kind)
        return SCANS[kind](self, node)

    def expr(self, message: Node, *, condition: bool = False) -> Expr:
        """Compile an expression; one that may raise is opaque to DuckDB's optimizer.

        Args:
            message: the expression.
            condition: it is one of the conditions of a WHERE or an ON.
        """
        node = tree.node(message)
        kind = tree.name(node)
        if kind not in EXPRESSIONS:
            refuse(f"an expression of kind {kind}", code="no-node")
        outside, self.condition = self.condition, condition
        e = EXPRESSIONS[kind](self, node)
        self.condition = outside
        return self.watched(e, bare=condition and e.joins)

    def watched(self, e: Expr, *, bare: bool = False) -> Expr:
        """The same; where it may raise, opaque to DuckDB's optimizer, unless it is to stay `bare`."""
        self.seen.add(e)
        return e.opaque if e.can_throw and not (e.plain or bare) else e

    def filter(self, message: Node) -> str:
        """The text of a condition that rows must meet. Which of its parts are looked at first is left open."""
        return " AND ".join(self.expr(part, condition=True).sql for part in tree.conjuncts(message))

    def type_of(self, node: Node) -> SqlType:
        """The type of an expression or a column.

        Raises:
            Unsupported: it is one that BigQuery's values do not have.
        """
        try:
            return tree.type_of(node)
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
            self.rebind(i, alias)
        keys = [i for i in relation.keys if i in kept]
        return Relation(f"({inner}) AS {alias}", kept, hidden=relation.hidden, keys=keys)

    def rebind(self, column: int, alias: str) -> None:
        """Let a column be one of what a FROM clause calls `alias`."""
        self.columns[column] = elsewhere(self.columns[column], alias, f"c{column}")

    def opened(self, relation: Relation) -> Relation:
        """The relation, ready for a WHERE, a GROUP BY or a window over its columns."""
        return relation if relation.open and self.simple(relation) else self.wrap(relation)

    def keep(self, relation: Relation, node: Node) -> Relation:
        """The relation with the columns that the scan gives."""
        wanted = dict.fromkeys(column.column_id for column in tree.get(node, "column_list"))
        relation.columns = list(wanted | dict.fromkeys(relation.hidden))
        return relation


def elsewhere(e: Expr, alias: str, name: str) -> Expr:
    """A column `name` of a query below, called `alias`, which computes the expression."""
    there = column(f"{alias}.{name}", alias, e.type, e.facts)
    if not (e.folds_to_null or e.can_throw):
        return there
    return there.with_evaluation((e.can_throw, e.can_throw, False, e.folds_to_null, False))


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


def no_collation(node: Node, fields: Iterable[str] = ("collation_list",)) -> None:
    """Refuse a node that compares text by a collation."""
    for name in fields:
        entries = tree.get(node, name)
        for entry in entries if not hasattr(entries, "collation_name") else [entries]:
            if entry.collation_name or entry.child_list:
                refuse("collation", code="unsupported")
