"""A random query as a tree, and how it becomes smaller: what differs is shrunk until nothing can be left out."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tests.faithfulness.fuzz_grammar import (
    AGGREGATES,
    COLUMNS,
    COMMON,
    CONDITIONS,
    FRAMES,
    GIVEN,
    GRAMMAR,
    JOINS,
    ORDERED,
    SETS,
    WINDOWS,
)
from tests.faithfulness.grid import VALUES

ROWS = (0, 1, 3, 5, 8)


@dataclass(frozen=True)
class Tree:
    """An expression: a text with places for its branches."""

    text: str
    type: str
    branches: tuple[Tree, ...] = ()

    def __str__(self) -> str:
        return self.text.format(*map(str, self.branches)) if self.branches else self.text


@dataclass(frozen=True)
class Query:
    """A query over the tables `t` and `r`, the parts of which can be left out one by one.

    Args:
        outputs: c0, c1, … after the keys.
        source: its FROM.
        on: the trees that stand in `source`.
        keys: of GROUP BY.
        grouping: ROLLUP or CUBE over the keys, or nothing.
        total: items of an ORDER BY that leaves nothing open.
        limit: LIMIT and OFFSET; only with `total`.
        other: another query with columns of the same types, and the set operation between.
        inner: the query that the source `q` is.
    """

    outputs: tuple[Tree, ...]
    source: str = "t"
    on: tuple[Tree, ...] = ()
    where: Tree | None = None
    keys: tuple[Tree, ...] = ()
    grouping: str = ""
    having: Tree | None = None
    qualify: Tree | None = None
    distinct: bool = False
    total: str = ""
    limit: str = ""
    other: tuple[str, Query] | None = None
    inner: Query | None = None

    def __str__(self) -> str:
        text = self._text()
        return f"WITH q AS ({self.inner.needed(text)}) {text}" if self.inner else text

    def needed(self, outside: str) -> Query:
        """The same, with NULL for what is not mentioned outside: BigQuery leaves it out, the reference computes it."""
        places = enumerate(self.outputs, len(self.keys))
        kept = (tree if re.search(rf"\bc{i}\b", outside) else Tree("NULL", tree.type) for i, tree in places)
        return replace(self, outputs=tuple(kept))

    @property
    def _letter(self) -> str:
        return "d" if self.inner else "c"

    def _text(self) -> str:
        outputs = ", ".join(f"{tree} AS {self._letter}{i}" for i, tree in enumerate((*self.keys, *self.outputs)))
        parts = [
            f"SELECT {'DISTINCT ' if self.distinct else ''}{outputs} FROM ",
            self.source.format(*self.on) if self.on else self.source,
            f" WHERE {self.where}" if self.where else "",
            self._group(),
            f" HAVING {self.having}" if self.having else "",
            f" QUALIFY {self.qualify}" if self.qualify else "",
            f" {self.other[0]} SELECT {self._select_of(self.other[1])}" if self.other else "",
            f" ORDER BY {self.total}" if self.total else "",
            self.limit if self.total else "",
        ]
        return "".join(parts)

    def _group(self) -> str:
        names = ", ".join(f"{self._letter}{i}" for i in range(len(self.keys)))
        return f" GROUP BY {f'{self.grouping}({names})' if self.grouping else names}" if names else ""

    @staticmethod
    def _select_of(other: Query) -> str:
        return str(other).removeprefix("SELECT ")


@dataclass(frozen=True)
class Rows:
    """Rows of both tables as GoogleSQL texts of STRUCTs, and values for parameters."""

    t: tuple[str, ...]
    r: tuple[str, ...]
    given: tuple[str, ...]


@dataclass
class Scope:
    """What an expression may mention: columns by type, and what orders rows totally."""

    columns: Sequence[tuple[str, str]]
    total: str
    found: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.found = {}
        for name, kind in self.columns:
            self.found.setdefault(kind, []).append(name)


PLAIN = Scope([("k", "INT64"), *COLUMNS.items()], "k")
JOINED = Scope([(f"{table}.{name}", kind) for table in "tr" for name, kind in COLUMNS.items()], "t.k, r.k")
UNNESTED = Scope([*PLAIN.columns, ("e", "INT64"), ("w", "INT64"), ("e", "INT64")], "k, w")


class Generator:
    """Makes queries, and rows, from one source of chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.scope = PLAIN

    # ------------------------------------------------------------------------------------ queries

    def query(self) -> Query:
        """One query."""
        shape = self.chance.random()
        if shape < 0.1:
            return self._nested()
        if shape < 0.17:
            return self._compound()
        return self._flat()

    def _flat(self) -> Query:
        source, on, self.scope = self._source()
        # Which pairs of rows a join looks at is nobody's promise: what could raise is kept out of its conditions.
        where = self.tree("BOOL", 1 if self.scope is JOINED else 2) if self._odds(0.4) else None
        shape = self.chance.random()
        if shape < 0.3:
            return self._grouped(source, on, where)
        if shape < 0.5:
            return self._windowed(source, on, where)
        outputs = tuple(self.tree(self.chance.choice(tuple(GRAMMAR)), 3) for _ in range(self.chance.choice((1, 1, 2))))
        if self._odds(0.08):
            return Query(
                tuple(self.tree(self.chance.choice(ORDERED), 2) for _ in range(2)), source, on, where, distinct=True
            )
        total, limit = self._order()
        return Query(outputs, source, on, where, total=total, limit=limit)

    def _source(self) -> tuple[str, tuple[Tree, ...], Scope]:
        shape = self.chance.random()
        if shape < 0.72:
            return "t", (), PLAIN
        if shape < 0.84:
            text, kinds = self.chance.choice(CONDITIONS)
            self.scope = JOINED
            return f"t {self.chance.choice(JOINS)} r ON {text}", tuple(self.leaf(kind) for kind in kinds), JOINED
        if shape < 0.88:
            return "t CROSS JOIN r", (), JOINED
        word = self.chance.choice(("CROSS JOIN", "LEFT JOIN"))
        return f"t {word} UNNEST(t.a) AS e WITH OFFSET AS w", (), UNNESTED

    def _grouped(self, source: str, on: tuple[Tree, ...], where: Tree | None) -> Query:
        keys = tuple(self.tree(self.chance.choice(ORDERED), 1) for _ in range(self.chance.choice((0, 1, 1, 2))))
        outputs = tuple(self._filled(AGGREGATES, 2) for _ in range(self.chance.choice((1, 2))))
        grouping = self.chance.choice(("ROLLUP", "CUBE")) if keys and self._odds(0.2) else ""
        having = None
        if self._odds(0.15):
            having = Tree("{0} " + self.chance.choice((">", "=", "<")) + " 1", "", (self._filled(AGGREGATES[:6], 1),))
        return Query(outputs, source, on, where, keys, grouping, having)

    def _windowed(self, source: str, on: tuple[Tree, ...], where: Tree | None) -> Query:
        outputs = tuple(self._filled(WINDOWS, 1) for _ in range(self.chance.choice((1, 2))))
        qualify = None
        if self._odds(0.2):
            qualify = Tree("{0} " + self.chance.choice((">", "=", "<=")) + " 1", "", (self._filled(WINDOWS[:4], 1),))
        return Query(outputs, source, on, where, qualify=qualify)

    def _nested(self) -> Query:
        """A query over the columns that another computes: what is known of them goes on."""
        inner = self._flat()
        kinds = [tree.type for tree in (*inner.keys, *inner.outputs)]
        names = tuple((f"c{i}", kind) for i, kind in enumerate(kinds))
        self.scope = Scope((*names, *names, ("1", "INT64")), "")
        where = self.tree("BOOL", 1) if self._odds(0.3) else None
        if self._odds(0.4):
            return replace(self._grouped("q", (), where), inner=inner)
        outputs = tuple(self._over(names) for _ in range(2))
        return Query(outputs, "q", (), where, inner=inner)

    def _over(self, names: Sequence[tuple[str, str]]) -> Tree:
        """An expression that mentions one of these columns, if chance finds one."""
        for _ in range(6):
            made = self.tree(self.chance.choice(tuple(GRAMMAR)), 2)
            if any(name in str(made) for name, _ in names):
                return made
        return Tree(*self.chance.choice(names))

    def _compound(self) -> Query:
        """UNION and its like."""
        self.scope = PLAIN
        kinds = [self.chance.choice(ORDERED) for _ in range(2)]
        first, second = (
            Query(tuple(self.tree(kind, 2) for kind in kinds), where=self.tree("BOOL", 1) if self._odds(0.3) else None)
            for _ in range(2)
        )
        return replace(first, other=(self.chance.choice(SETS), replace(second, source=self.chance.choice("tr"))))

    def _order(self) -> tuple[str, str]:
        if not self._odds(0.35):
            return "", ""
        leading = f"{self.leaf(self.chance.choice(ORDERED), column=True)}{self.chance.choice(('', ' DESC'))}, "
        limit = f" LIMIT {self.chance.choice((1, 2, 4))}" if self._odds(0.5) else ""
        offset = f" OFFSET {self.chance.choice((1, 2))}" if limit and self._odds(0.4) else ""
        return f"{leading if self._odds(0.6) else ''}{self.scope.total}", limit + offset

    def tree(self, kind: str, depth: int) -> Tree:
        """An expression of a type, at most so deep."""
        if depth == 0 or self._odds(0.15):
            return self.leaf(kind)
        text, kinds = self.chance.choice(GRAMMAR[kind])
        return Tree(text, kind, tuple(self.tree(inner, depth - 1) for inner in kinds))

    def leaf(self, kind: str, *, column: bool = False) -> Tree:
        """A column, a constant or a parameter."""
        columns = self.scope.found.get(kind)
        if columns and (column or self._odds(0.75)):
            return Tree(self.chance.choice(columns), kind)
        if kind in GIVEN and self._odds(0.15):
            return Tree(f"@p_{kind.lower()}", kind)
        return Tree(self.value(kind, 0.1), kind)

    def _filled(self, table: Sequence[tuple[str, tuple[str, ...], str]], depth: int) -> Tree:
        text, kinds, kind = self.chance.choice(table)
        if "{over}" in text or "{frame}" in text:
            over = self._over_clause()
            text = text.replace("{over}", over).replace("{frame}", over + self.chance.choice(FRAMES))
        return Tree(text, kind, tuple(self.tree(inner, depth) for inner in kinds))

    def _over_clause(self) -> str:
        by = f"PARTITION BY {self.leaf(self.chance.choice(('BOOL', 'STRING', 'INT64')))} " if self._odds(0.5) else ""
        return f"{by}ORDER BY {self.scope.total or '1'}{'' if self._odds(0.7) else ' DESC'}"

    def _odds(self, share: float) -> bool:
        return self.chance.random() < share

    # --------------------------------------------------------------------------------------- rows

    def rows(self) -> Rows:
        """Rows of both tables. Some columns have no NULL, some no edge value: what is known of a copy's columns."""
        nulls = {name: self._odds(0.65) for name in COLUMNS}
        edges = {name: 0.15 if self._odds(0.6) else 0.0 for name in COLUMNS}

        def row(k: int) -> str:
            values = (self.value(kind, edges[name], nulls=nulls[name]) for name, kind in COLUMNS.items())
            return f"({k}, {', '.join(values)})"

        t, r = (tuple(row(k) for k in range(self.chance.choice(ROWS))) for _ in range(2))
        return Rows(t, r, tuple(self.value(kind, 0.1) for kind in GIVEN))

    def value(self, kind: str, edge: float, *, nulls: bool = True) -> str:
        """A constant, of the grid's edge values with that chance."""
        values = VALUES.get(kind) if self.chance.random() < edge else None
        choices = [value for value in values or COMMON[kind] if "NULL" not in value or (nulls and value == "NULL")]
        found = self.chance.choice(choices)
        return f"CAST(NULL AS {kind})" if found == "NULL" else found


# ------------------------------------------------------------------------------------------------- shrinking


def smaller(query: Query) -> Iterator[Query]:
    """The query with one thing less, the largest steps first."""
    if query.inner:
        yield query.inner
        yield from (replace(query, inner=less) for less in smaller(query.inner))
    if query.other:
        yield replace(query, other=None)
        yield from (replace(query, other=(query.other[0], less)) for less in smaller(query.other[1]))
    yield from _without_clauses(query)
    yield from _without_items(query)
    for i, tree in enumerate(query.outputs):
        for less in simpler(tree):
            yield replace(query, outputs=(*query.outputs[:i], less, *query.outputs[i + 1 :]))
    for name in ("where", "having", "qualify"):
        clause = getattr(query, name)
        yield from (replace(query, **{name: less}) for less in (simpler(clause) if clause else ()))
    for name in ("keys", "on"):
        trees = getattr(query, name)
        for i, tree in enumerate(trees):
            yield from (replace(query, **{name: (*trees[:i], less, *trees[i + 1 :])}) for less in simpler(tree))


def _without_clauses(query: Query) -> Iterator[Query]:
    for name in ("where", "having", "qualify"):
        if getattr(query, name):
            yield replace(query, **{name: None})
    if query.limit:
        yield replace(query, limit="")
    if query.total:
        yield replace(query, total="", limit="")
    if query.distinct:
        yield replace(query, distinct=False)
    if query.grouping:
        yield replace(query, grouping="")
    if query.source not in ("t", "q"):
        yield replace(query, source="t", on=())


def _without_items(query: Query) -> Iterator[Query]:
    for name in ("outputs", "keys"):
        trees = getattr(query, name)
        for i in range(len(trees)):
            if len(trees) > 1 or name == "keys":
                yield replace(query, **{name: trees[:i] + trees[i + 1 :]})


def simpler(tree: Tree) -> Iterator[Tree]:
    """The tree with a branch in its own place, or one of its branches simpler."""
    yield from (branch for branch in tree.branches if branch.type == tree.type)
    for i, branch in enumerate(tree.branches):
        leaves = () if not branch.branches or not branch.type else (Tree(COMMON[branch.type][0], branch.type),)
        for less in (*leaves, *simpler(branch)):
            yield replace(tree, branches=(*tree.branches[:i], less, *tree.branches[i + 1 :]))


def fewer(rows: Rows) -> Iterator[Rows]:
    """The same without one row."""
    for i in range(len(rows.t)):
        yield replace(rows, t=rows.t[:i] + rows.t[i + 1 :])
    for i in range(len(rows.r)):
        yield replace(rows, r=rows.r[:i] + rows.r[i + 1 :])
