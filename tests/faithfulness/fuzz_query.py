"""Makes random queries, and rows for their tables, from one source of chance."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tests.faithfulness.fuzz_forms import (
    AGGREGATES,
    ALL,
    DERIVED,
    FRAMES,
    FROMS,
    GROUPINGS,
    OVER_GROUPS,
    SETS,
    SUBQUERIES,
    WINDOWS,
    Filled,
    From,
)
from tests.faithfulness.fuzz_grammar import CALM, COLUMNS, COMMON, GIVEN, GRAMMAR, ORDERED
from tests.faithfulness.fuzz_tree import Query, Rows, Tree
from tests.faithfulness.grid import VALUES

T = TypeVar("T")
ROWS = (0, 1, 3, 5, 8)
# A query has so many subqueries at most, one inside the other so deep.
SUBQUERIES_AT_MOST, DEEPEST = 3, 2
TIED = (("INT64", "="), ("INT64", "="), ("INT64", "<"), ("STRING", "="), ("DATE", ">="), ("BOOL", "="))
TYPES = tuple(GRAMMAR)


@dataclass
class Scope:
    """What an expression may mention.

    Args:
        columns: by name, with their types; those of the nearest source.
        total: what orders the rows and leaves nothing open.
        around: columns of the queries around.
    """

    columns: Sequence[tuple[str, str]]
    total: str = ""
    around: Sequence[tuple[str, str]] = ()
    found: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.found = {}
        for name, kind in (*self.columns, *self.columns, *self.around):
            self.found.setdefault(kind, []).append(name)

    @property
    def all(self) -> tuple[tuple[str, str], ...]:
        """Its own columns and those from around."""
        return (*self.columns, *self.around)


NOTHING = Scope(())


def every(alias: str) -> list[tuple[str, str]]:
    """The columns of `t` and `r`."""
    return [(f"{alias}.k", "INT64"), *((f"{alias}.{name}", kind) for name, kind in COLUMNS.items())]


class Generator:
    """Makes queries, and rows."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.scope = NOTHING
        self.calm = False
        self.level = self.subqueries = self.sources = 0

    # ------------------------------------------------------------------------------------ queries

    def query(self) -> Query:
        """One query."""
        self.subqueries = 0
        shape = self.chance.random()
        if shape < 0.12:
            return self._nested()
        if shape < 0.2:
            return self._compound()
        return self._flat()

    def _flat(self) -> Query:
        source, self.scope = self._source(NOTHING)
        # Which pairs of rows a join looks at is nobody's promise: what could raise is kept out of its conditions.
        with self._calmly("JOIN" in source.text or self.calm):
            where = self.tree("BOOL", 2) if self._odds(0.4) else None
        shape = self.chance.random()
        if shape < 0.3:
            return self._grouped(source, where)
        if shape < 0.5:
            return self._windowed(source, where)
        if self._odds(0.08):
            return Query(tuple(self.tree(self._any(ORDERED), 2) for _ in range(2)), source, where, distinct=True)
        outputs = tuple(self.tree(self._any(TYPES), 3) for _ in range(self._any((1, 1, 2))))
        total, limit = self._order()
        return Query(
            outputs, source, where, total=total, limit=limit, piped="EXTEND" if not total and self._odds(0.15) else ""
        )

    def _grouped(self, source: Tree, where: Tree | None) -> Query:
        keys = tuple(self.tree(self._any(ORDERED), 1) for _ in range(self._any((0, 1, 1, 2))))
        outputs = tuple(self._aggregate() for _ in range(self._any((1, 2))))
        grouping = self._any(GROUPINGS[len(keys)]) if keys and self._odds(0.25) else ""
        having = None
        if self._odds(0.15):
            having = Tree("{0} " + self._any((">", "=", "<")) + " 1", "", (self._filled(AGGREGATES[:6], 1),))
        whole = having or grouping or any(" OVER (" in output.text for output in outputs)
        piped = "AGGREGATE" if not whole and self._odds(0.2) else ""
        found = Query(outputs, source, where, keys, grouping, having, piped=piped)
        if keys and not grouping and not piped and self._odds(0.2):
            total = ", ".join(f"c{i}" for i in range(len(keys)))
            return replace(found, total=total, limit=self._any(("", " LIMIT 2", " LIMIT 2 OFFSET 1")))
        return found

    def _aggregate(self) -> Tree:
        return self._filled(AGGREGATES, 2) if self._odds(0.85) else self._filled(OVER_GROUPS, 2)

    def _windowed(self, source: Tree, where: Tree | None) -> Query:
        outputs = tuple(self._filled(WINDOWS, 1) for _ in range(self._any((1, 2))))
        qualify = None
        if self._odds(0.2):
            qualify = Tree("{0} " + self._any((">", "=", "<=")) + " 1", "", (self._filled(WINDOWS[:4], 1),))
        return Query(
            outputs, source, where, qualify=qualify, piped="EXTEND" if not qualify and self._odds(0.15) else ""
        )

    def _nested(self) -> Query:
        """A query over the columns that another computes: what is known of them goes on."""
        inner = self._flat()
        kinds = [tree.type for tree in (*inner.keys, *inner.outputs)]
        names = tuple((f"q.c{i}", kind) for i, kind in enumerate(kinds))
        self.scope = Scope((*names, *names, ("1", "INT64")))
        source = Tree("q", "")
        if self._odds(0.25):
            word = self._any(("JOIN", "LEFT JOIN", "FULL JOIN"))
            source = Tree(f"q {word} q AS p ON q.c0 = p.c0" if kinds[0] in ORDERED else "q, q AS p", "")
            self.scope = Scope((*self.scope.columns, *((f"p.c{i}", kind) for i, kind in enumerate(kinds))))
        where = self.tree("BOOL", 1) if self._odds(0.3) else None
        if self._odds(0.4):
            return replace(self._grouped(source, where), inner=inner, piped="", total="", limit="")
        return Query(tuple(self._over(names) for _ in range(2)), source, where, inner=inner)

    def _over(self, names: Sequence[tuple[str, str]]) -> Tree:
        """An expression that mentions one of these columns, if chance finds one."""
        for _ in range(6):
            made = self.tree(self._any(TYPES), 2)
            if any(name in str(made) for name, _ in names):
                return made
        return Tree(*self._any(names))

    def _compound(self) -> Query:
        """UNION and its like."""
        kinds = [self._any(ORDERED) for _ in range(2)]
        first, *others = (self._term(kinds) for _ in range(self._any((2, 2, 3))))
        for other in others:
            first = replace(first, other=(self._any(SETS), replace(other, other=first.other)))
        return first

    def _term(self, kinds: Sequence[str]) -> Query:
        source, self.scope = self._source(NOTHING)
        where = self.tree("BOOL", 1) if self._odds(0.3) else None
        return Query(tuple(self.tree(kind, 2) for kind in kinds), source, where)

    def _order(self) -> tuple[str, str]:
        if not self._odds(0.35):
            return "", ""
        nulls = self._any(("", "", "", " NULLS LAST", " NULLS FIRST"))
        leading = f"{self.leaf(self._any(ORDERED), column=True)}{self._any(('', ' DESC'))}{nulls}, "
        limit = f" LIMIT {self._any((1, 2, 4))}" if self._odds(0.5) else ""
        offset = f" OFFSET {self._any((1, 2))}" if limit and self._odds(0.4) else ""
        return f"{leading if self._odds(0.6) else ''}{self.scope.total}", limit + offset

    # -------------------------------------------------------------------------- sources, subqueries

    def _source(self, around: Scope) -> tuple[Tree, Scope]:
        """What stands after FROM, and what may be mentioned then."""
        chosen = self._any(DERIVED if self._odds(0.12) else FROMS)
        self.sources += 1
        number = str(self.sources)
        types = {"A": self._any(ORDERED), "B": self._any(ORDERED)}
        own = Scope(_columns(chosen, number, types), chosen.total.replace("#", number), around.all)
        rows = {"in": own, "z": Scope(every(f"z{number}"), f"z{number}.k", around.all), "": around}
        outside = self.scope
        with self._calmly(True):
            branches = tuple(self._part(kind, rows, types) for kind in chosen.kinds)
        self.scope = outside
        return Tree(chosen.text.replace("#", number), "", branches), own

    def _part(self, kind: str, rows: dict[str, Scope], types: dict[str, str]) -> Tree:
        where, _, what = kind.rpartition(" ")
        place, _, form = where.partition(" ")
        self.scope = rows[place]
        return self._of(form, types.get(what, what))

    def _of(self, form: str, kind: str, depth: int = 1) -> Tree:
        """An aggregate, a window function or an expression of a type."""
        if form:
            table = AGGREGATES if form == "agg" else WINDOWS
            return self._filled([each for each in table if each[2] == kind], depth)
        return self.tree(kind, depth)

    def _subquery(self, kind: str) -> Tree:
        text, kinds = self._any(SUBQUERIES[kind])
        around = self.scope
        self.level, self.subqueries = self.level + 1, self.subqueries + 1
        with self._calmly(True):
            branches = [self._inside(each, around) for each in kinds]
        self.level, self.scope = self.level - 1, around
        return Tree(text, kind, tuple(branches))

    def _inside(self, kind: str, around: Scope) -> Tree:
        """A branch of a subquery. Its source comes first, and is what the others are over."""
        if kind == "from":
            source, self.scope = self._source(around)
            return source
        if kind == "total":
            return Tree(self.scope.total, "")
        if kind == "column":
            return Tree(self._any([name for name, type_ in self.scope.columns if type_ in ORDERED]), "")
        if kind == "tie":
            return self._tie()
        form, _, what = kind.rpartition(" ")
        if form:
            return self._of(form.removeprefix("in"), what)
        own, self.scope = self.scope, around
        made = self.tree(what, 1)
        self.scope = own
        return made

    def _tie(self) -> Tree:
        """A column of the source beside one from around."""
        kind, sign = self._any(TIED)
        mine, others = ([n for n, k in columns if k == kind] for columns in (self.scope.columns, self.scope.around))
        left = self._any(mine) if mine else self.value(kind, 0)
        right = self._any(others) if others else self.value(kind, 0)
        return Tree(f"{left} {sign} {right}", "BOOL")

    @contextmanager
    def _calmly(self, calm: bool) -> Iterator[None]:
        """Whether what seldom raises is all that is taken."""
        before, self.calm = self.calm, calm
        yield
        self.calm = before

    # ---------------------------------------------------------------------------------- expressions

    def tree(self, kind: str, depth: int) -> Tree:
        """An expression of a type, at most so deep."""
        if depth == 0 or self._odds(0.15):
            return self.leaf(kind)
        may = kind in SUBQUERIES and self.level < DEEPEST and self.subqueries < SUBQUERIES_AT_MOST
        if may and self._odds(0.07):
            return self._subquery(kind)
        text, kinds = self._any((CALM if self.calm else GRAMMAR)[kind])
        return Tree(text, kind, tuple(self.tree(inner, depth - 1) for inner in kinds))

    def leaf(self, kind: str, *, column: bool = False) -> Tree:
        """A column, a constant or a parameter."""
        columns = self.scope.found.get(kind)
        if columns and (column or self._odds(0.75)):
            return Tree(self._any(columns), kind)
        if kind in GIVEN and self._odds(0.15):
            return Tree(f"@p_{kind.lower()}", kind)
        return Tree(self.value(kind, 0.1), kind)

    def _filled(self, table: Sequence[Filled], depth: int) -> Tree:
        text, kinds, kind = self._any(table)
        if "{over}" in text or "{frame}" in text:
            over = self._over_clause()
            text = text.replace("{over}", over).replace("{frame}", over + self._any(FRAMES))
        return Tree(text, kind, tuple(self._of(*_form(inner), depth) for inner in kinds))

    def _over_clause(self) -> str:
        by = f"PARTITION BY {self.leaf(self._any(('BOOL', 'STRING', 'INT64')))} " if self._odds(0.5) else ""
        return f"{by}ORDER BY {self.scope.total or '1'}{'' if self._odds(0.7) else ' DESC'}"

    def _odds(self, share: float) -> bool:
        return self.chance.random() < share

    def _any(self, choices: Sequence[T]) -> T:
        return self.chance.choice(choices)

    # --------------------------------------------------------------------------------------- rows

    def rows(self) -> Rows:
        """Rows of both tables. Some columns have no NULL, some no edge value: what is known of a copy's columns."""
        nulls = {name: self._odds(0.65) for name in COLUMNS}
        edges = {name: 0.15 if self._odds(0.6) else 0.0 for name in COLUMNS}

        def row(k: int) -> str:
            values = (self.value(kind, edges[name], nulls=nulls[name]) for name, kind in COLUMNS.items())
            return f"({k}, {', '.join(values)})"

        t, r = (tuple(row(k) for k in range(self._any(ROWS))) for _ in range(2))
        return Rows(t, r, tuple(self.value(kind, 0.1) for kind in GIVEN))

    def value(self, kind: str, edge: float, *, nulls: bool = True) -> str:
        """A constant, of the grid's edge values with that chance."""
        values = VALUES.get(kind) if self.chance.random() < edge else None
        choices = [value for value in values or COMMON[kind] if "NULL" not in value or (nulls and value == "NULL")]
        found = self._any(choices)
        return f"CAST(NULL AS {kind})" if found == "NULL" else found


def _form(kind: str) -> tuple[str, str]:
    form, _, what = kind.rpartition(" ")
    return form, what


def _columns(chosen: From, number: str, types: dict[str, str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, kind in chosen.columns:
        name = name.replace("#", number)
        found += every(name) if kind == ALL else [(name, types.get(kind, kind))]
    return found
