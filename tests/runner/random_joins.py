"""Random queries over four small tables, in any way that tables meet: joins, subqueries, table expressions, unions, windows.

Each answer is the same whoever computes it: whole numbers and texts, and no choice among rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

COLUMNS = {
    "people": {"id": "n", "city": "t", "age": "n"},
    "orders": {"id": "n", "person": "n", "item": "n", "amount": "n"},
    "items": {"id": "n", "name": "t", "price": "n"},
    "days": {"id": "n", "word": "t"},
}
"""Columns of each table: `n` is INT64, `t` STRING; all of them may be NULL."""

_JOINS = ("JOIN", "JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", ",")
_COMPARISONS = ("=", "=", "<", ">", "!=", ">=")
_WORDS = ("'a'", "'b'", "'c'", "'d'")


def tables(random: Random) -> list[str]:
    """Statements that make the tables, with random rows."""
    return [f"CREATE OR REPLACE TABLE samples.{name} AS {_rows(random, name)}" for name in COLUMNS]


def change(random: Random) -> str:
    """A statement that changes a table."""
    name = random.choice(list(COLUMNS))
    if random.random() < 0.5:
        return f"INSERT INTO samples.{name} {_rows(random, name, 3)}"
    return f"DELETE FROM samples.{name} WHERE MOD(IFNULL(id, 0), {random.randint(2, 4)}) = 0"


def _rows(random: Random, table: str, count: int = 0) -> str:
    columns = COLUMNS[table]
    rows = [[_value(random, kind) for kind in columns.values()] for _ in range(count or random.randint(1, 12))]
    types = [
        f"CAST({v} AS {'INT64' if k == 'n' else 'STRING'}) AS {c}"
        for (c, k), v in zip(columns.items(), rows[0], strict=True)
    ]
    return " UNION ALL ".join([f"SELECT {', '.join(types)}", *(f"SELECT {', '.join(row)}" for row in rows[1:])])


def _value(random: Random, kind: str) -> str:
    if random.random() < 0.12:
        return "NULL"
    return str(random.randint(0, 5)) if kind == "n" else random.choice(_WORDS)


@dataclass(slots=True)
class Source:
    """What stands in a FROM: an alias, and its columns with their kinds."""

    sql: str
    columns: list[tuple[str, str]]

    def of(self, kind: str) -> list[str]:
        return [name for name, its in self.columns if its == kind]


@dataclass(slots=True)
class Queries:
    """Makes queries.

    Args:
        random: decides.
    """

    random: Random
    named: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _aliases: int = 0

    def query(self) -> str:
        """A query, its rows in an order without ties."""
        self.named, self._aliases = {}, 0
        ctes = [self._named() for _ in range(self.random.choice((0, 0, 1, 1, 2)))]
        select, columns = self.select(2)
        order = ", ".join(str(place) for place in range(1, len(columns) + 1))
        start = f"WITH {', '.join(ctes)} " if ctes else ""
        limit = f" LIMIT {self.random.randint(1, 9)}" if self._chance(0.2) else ""
        return f"{start}SELECT * FROM ({select}) ORDER BY {order}{limit}"

    def select(self, depth: int) -> tuple[str, list[tuple[str, str]]]:
        """A SELECT without an order, and its columns."""
        if depth and self._chance(0.12):
            return self._union(depth)
        source = self.source(depth)
        where = f" WHERE {self.condition(source, depth)}" if self._chance(0.75) else ""
        if self._chance(0.4):
            return self._grouped(source, where)
        chosen = self.random.sample(source.columns, min(len(source.columns), self.random.randint(1, 3)))
        items = [f"{name} AS c{place}" for place, (name, _) in enumerate(chosen)]
        columns = [(f"c{place}", kind) for place, (_, kind) in enumerate(chosen)]
        if self._chance(0.25):
            items.append(f"{self._scalar(source)} AS s")
            columns.append(("s", "n"))
        if self._chance(0.15) and (numbers := source.of("n")):
            items.append(
                f"SUM({self.random.choice(numbers)}) OVER (PARTITION BY {self.random.choice(source.columns)[0]}) AS w"
            )
            columns.append(("w", "n"))
        distinct = "DISTINCT " if self._chance(0.15) else ""
        return f"SELECT {distinct}{', '.join(items)} FROM {source.sql}{where}", columns

    def source(self, depth: int) -> Source:
        """One to three of tables, table expressions and subqueries, joined."""
        source = self._one(depth)
        for _ in range(self.random.choice((0, 1, 1, 1, 2))):
            other, how = self._one(depth), self.random.choice(_JOINS)
            both = Source("", source.columns + other.columns)
            on = "" if how == "," else f" ON {self._on(source, other, both)}"
            both.sql = f"{source.sql}{how if how == ',' else ' ' + how} {other.sql}{on}"
            source = both
        return source

    def _one(self, depth: int) -> Source:
        self._aliases += 1
        alias = f"t{self._aliases}"
        if depth and self._chance(0.2):
            select, columns = self.select(depth - 1)
            return Source(f"({select}) AS {alias}", [(f"{alias}.{name}", kind) for name, kind in columns])
        known = {**{name: list(columns.items()) for name, columns in COLUMNS.items()}, **self.named}
        name = self.random.choice([*known, *self.named, *self.named])
        return Source(f"{name} AS {alias}", [(f"{alias}.{column}", kind) for column, kind in known[name]])

    def _on(self, left: Source, right: Source, both: Source) -> str:
        kinds = [kind for kind in "nt" if left.of(kind) and right.of(kind)]
        if not kinds:
            return self.condition(both, 0)
        kind = self.random.choice(kinds)
        on = f"{self.random.choice(left.of(kind))} = {self.random.choice(right.of(kind))}"
        return f"{on} AND {self._comparison(both)}" if self._chance(0.35) else on

    def condition(self, source: Source, depth: int) -> str:
        """A condition on rows of a source."""
        parts = [self._comparison(source) for _ in range(self.random.randint(1, 3))]
        if depth and self._chance(0.25):
            parts.append(self._in(source, depth))
        return f" {self.random.choice(('AND', 'AND', 'AND', 'OR'))} ".join(parts)

    def _comparison(self, source: Source) -> str:
        name, kind = self.random.choice(source.columns)
        if self._chance(0.12):
            return f"{name} IS {self.random.choice(('', 'NOT '))}NULL"
        others = [other for other in source.of(kind) if other != name]
        right = self.random.choice(others) if others and self._chance(0.25) else _value(self.random, kind)
        right = right if right != "NULL" else ("3" if kind == "n" else "'b'")
        left = f"DIV(12, {name} - 2)" if kind == "n" and self._chance(0.06) else name
        return f"{left} {self.random.choice(_COMPARISONS)} {right}"

    def _in(self, source: Source, depth: int) -> str:
        name, kind = self.random.choice(source.columns)
        select, columns = self.select(depth - 1)
        same = [column for column, its in columns if its == kind]
        if not same:
            return f"EXISTS ({select})"
        return f"{name} {self.random.choice(('', 'NOT '))}IN (SELECT {same[0]} FROM ({select}))"

    def _scalar(self, source: Source) -> str:
        inner = self._one(0)
        numbers = inner.of("n")
        value = f"MAX({self.random.choice(numbers)})" if numbers else "COUNT(*)"
        outer = source.of("n")
        where = f" WHERE {numbers[0]} = {self.random.choice(outer)}" if numbers and outer and self._chance(0.3) else ""
        return f"(SELECT {value} FROM {inner.sql}{where})"

    def _grouped(self, source: Source, where: str) -> tuple[str, list[tuple[str, str]]]:
        key, kind = self.random.choice(source.columns)
        name, _ = self.random.choice(source.columns)
        value = self.random.choice(
            (f"COUNT({name})", "COUNT(*)", f"COUNT(DISTINCT {name})", f"MAX(LENGTH(CAST({name} AS STRING)))")
        )
        having = f" HAVING COUNT(*) > {self.random.randint(0, 2)}" if self._chance(0.2) else ""
        return f"SELECT {key} AS c0, {value} AS c1 FROM {source.sql}{where} GROUP BY 1{having}", [
            ("c0", kind),
            ("c1", "n"),
        ]

    def _union(self, depth: int) -> tuple[str, list[tuple[str, str]]]:
        one, columns = self.select(depth - 1)
        other, theirs = self.select(depth - 1)
        if [kind for _, kind in columns] != [kind for _, kind in theirs]:
            return one, columns
        how = self.random.choice(("UNION ALL", "UNION ALL", "UNION DISTINCT", "EXCEPT DISTINCT", "INTERSECT DISTINCT"))
        return f"(SELECT * FROM ({one})) {how} (SELECT * FROM ({other}))", columns

    def _named(self) -> str:
        select, columns = self.select(1)
        name = f"part{len(self.named)}"
        self.named[name] = columns
        return f"{name} AS ({select})"

    def _chance(self, share: float) -> bool:
        return self.random.random() < share
