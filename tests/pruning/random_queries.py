"""Random queries over partitioned tables: subqueries, outer joins, totals, windows, arrays and CTEs in one another.

Every source has two columns, `d` of the partitioning column's type and `n` INT64, so that all can stand in all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

JOINS = ("JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
COMPARISONS = ("=", "=", "=", "<", ">=", "!=", "<=", ">")
TABLES = ("p", "q", "x")


@dataclass(slots=True)
class Queries:
    """Makes queries.

    Args:
        random: decides.
        constants: SQL of values of `d`, not NULL.
        functions: SQL of predicates over `{d}` and a constant `{c}`, beside comparisons.
        tables: SQL of what a FROM says to get `d` and `n` of each table.
        deep: how far sources stand in one another.
    """

    random: Random
    constants: list[str]
    functions: list[str]
    tables: dict[str, str]
    deep: int = 3
    _names: int = field(default=0)

    def query(self) -> str:
        """A query."""
        self._names = 0
        alias = self._alias()
        where = f"WHERE {self.predicate([alias], 2)}" if self._chance(0.7) else ""
        source = f"FROM {self.source(self.deep, [])} {alias} {where}"
        extra = ", " + self.scalar([alias], 2) if self._chance(0.5) else ""
        if self._chance(0.15):
            return f"SELECT COUNT(*), MAX({alias}.d), SUM({alias}.n) {source}"
        return f"SELECT {alias}.d, {alias}.n{extra} {source}"

    # ------------------------------------------------------------------------------------------ sources

    def source(self, depth: int, outer: list[str]) -> str:
        """What stands after FROM; it may mention the aliases around it in its subqueries only."""
        if depth <= 0 or self._chance(0.15):
            return self._leaf()
        made = self.random.choice(
            (self._filtered, self._filtered, self._joined, self._joined, self._joined, self._defined, self._totals,
             self._grouped, self._united, self._windowed, self._unnested, self._named, self._limited, self._pivoted,
             self._with_subquery, self._coalesced, *[self._sometimes_null] * 5)
        )  # fmt: skip
        return f"({made(depth - 1, outer)})"

    def _leaf(self) -> str:
        if self._chance(0.4):
            a = self._alias()
            return f"(SELECT d, n FROM {self.tables[self.random.choice('pq')]} {a} WHERE {self._compared('d')})"
        if self._chance(0.4):
            return self.tables[self.random.choice(TABLES)]
        c, e = self._constant(), self._constant()
        return self.random.choice(
            (
                f"(SELECT {c} AS d, 1 AS n)",
                f"(SELECT {c} AS d, n FROM {self.tables['x']} w)",
                f"(SELECT {c} AS d, n FROM {self.tables['x']} w WHERE n = 1)",
                f"(SELECT {c} AS d, 1 AS n UNION ALL SELECT NULL, 2)",
                f"(SELECT NULL AS d, 1 AS n UNION ALL SELECT {c}, 2)",
                f"(SELECT d, n FROM UNNEST([STRUCT({c} AS d, 1 AS n), (NULL, 2), ({e}, NULL)]))",
                f"(SELECT d, n FROM UNNEST([{c}, {e}]) AS d WITH OFFSET AS n)",
            )
        )

    def _filtered(self, depth: int, outer: list[str]) -> str:
        a = self._alias()
        return f"SELECT {a}.d, {a}.n FROM {self.source(depth, outer)} {a} WHERE {self.predicate([a, *outer], 2)}"

    def _sometimes_null(self, depth: int, outer: list[str]) -> str:
        """A column that is a constant where it is defined, and NULL in some rows of the source."""
        a, b, c = self._alias(), self._alias(), self._constant()
        x = self.tables["x"]
        constant = f"(SELECT {c} AS d, n FROM {x} w WHERE {self.random.choice(('n = 1', 'TRUE', 'n IS NULL'))})"
        return self.random.choice(
            (
                f"SELECT {b}.d, {a}.n FROM {self.source(depth - 1, outer)} {a} LEFT JOIN {constant} {b} ON {a}.n = {b}.n",
                f"SELECT {b}.d, {a}.n FROM {constant} {b} RIGHT JOIN {x} {a} ON {a}.n = {b}.n",
                f"SELECT {a}.d, {b}.n FROM {constant} {a} FULL JOIN {self.source(depth - 1, outer)} {b} ON {a}.n = {b}.n",
                f"SELECT {a}.d, COUNT(*) AS n FROM {constant} {a} GROUP BY ROLLUP (d)",
                f"SELECT {a}.d, {a}.n FROM {constant} {a} GROUP BY GROUPING SETS ((d, n), n)",
                f"SELECT {b} AS d, {a}.n FROM {x} {a} LEFT JOIN UNNEST([{c}]) AS {b} ON {a}.n = 1",
                f"WITH {b} AS {constant} SELECT {b}.d, {a}.n FROM {x} {a} LEFT JOIN {b} ON {a}.n = {b}.n",
                f"SELECT LAG({a}.d) OVER (ORDER BY {a}.n) AS d, {a}.n FROM {constant} {a}",
            )
        )

    def _joined(self, depth: int, outer: list[str]) -> str:
        a, b = self._alias(), self._alias()
        on = self.random.choice((f"{a}.n = {b}.n", f"{a}.d = {b}.d", self.predicate([a, b], 1), f"{a}.n = {b}.n"))
        if self._chance(0.3):
            on += f" AND {self.predicate([a, b], 1)}"
        where = f"WHERE {self.predicate([a, b, *outer], 2)}" if self._chance(0.5) else ""
        return (
            f"SELECT {self.random.choice((a, b))}.d, {self.random.choice((a, b))}.n FROM {self.source(depth, outer)} {a} "
            f"{self.random.choice(JOINS)} {self.source(depth, outer)} {b} ON {on} {where}"
        )

    def _coalesced(self, depth: int, outer: list[str]) -> str:
        a, b = self._alias(), self._alias()
        return (
            f"SELECT d, {self.random.choice((a, b))}.n FROM {self.source(depth, outer)} {a} "
            f"{self.random.choice(JOINS)} {self.source(depth, outer)} {b} USING (d)"
        )

    def _defined(self, depth: int, outer: list[str]) -> str:
        a, c = self._alias(), self._constant()
        d = self.random.choice(
            (c, f"IFNULL({a}.d, {c})", f"IF({a}.n = 1, {c}, NULL)", f"IF({a}.d IS NULL, {c}, {a}.d)", f"{a}.d")
        )
        return f"SELECT {d} AS d, {a}.n FROM {self.source(depth, outer)} {a}"

    def _totals(self, depth: int, outer: list[str]) -> str:
        a = self._alias()
        keys = self.random.choice(
            ("ROLLUP (d)", "CUBE (d)", "GROUPING SETS (d, ())", "GROUPING SETS ((d, n), n)", "ROLLUP (n, d)")
        )
        inner = f"(SELECT {self._constant() if self._chance(0.3) else 'd'} AS d, n FROM {self.source(depth, outer)})"
        n = "n" if "n" in keys.replace("GROUPING", "") else "COUNT(*) AS n"
        having = f" HAVING {self.predicate([a], 1, columns='d')}" if self._chance(0.3) else ""
        return f"SELECT {a}.d, {n} FROM {inner} {a} GROUP BY {keys}{having}"

    def _grouped(self, depth: int, outer: list[str]) -> str:
        a = self._alias()
        having = f" HAVING {self.predicate([a], 1, columns='d')}" if self._chance(0.5) else ""
        return self.random.choice(
            (
                f"SELECT {a}.d, COUNT(*) AS n FROM {self.source(depth, outer)} {a} GROUP BY {a}.d{having}",
                f"SELECT DISTINCT {a}.d, {a}.n FROM {self.source(depth, outer)} {a}",
                f"SELECT MAX({a}.d) AS d, COUNT(*) AS n FROM {self.source(depth, outer)} {a}",
                f"SELECT MIN({a}.d) AS d, {a}.n FROM {self.source(depth, outer)} {a} GROUP BY {a}.n",
            )
        )

    def _united(self, depth: int, outer: list[str]) -> str:
        operator = self.random.choice(
            ("UNION ALL", "UNION ALL", "UNION DISTINCT", "EXCEPT DISTINCT", "INTERSECT DISTINCT")
        )
        a, b = self._alias(), self._alias()
        second = self.random.choice((f"{b}.d", f"{b}.d", "NULL", self._constant()))
        return (
            f"SELECT {a}.d, {a}.n FROM {self.source(depth, outer)} {a} {operator} "
            f"SELECT {second}, {b}.n FROM {self.source(depth, outer)} {b}"
        )

    def _windowed(self, depth: int, outer: list[str]) -> str:
        a = self._alias()
        d = self.random.choice(
            (
                f"LAG({a}.d) OVER (ORDER BY {a}.d, {a}.n) AS d, {a}.n",
                f"{a}.d, COUNT(*) OVER (PARTITION BY {a}.d) AS n",
                f"{a}.d, RANK() OVER (ORDER BY {a}.d) AS n",
                f"MAX({a}.d) OVER (PARTITION BY {a}.n) AS d, {a}.n",
            )
        )
        qualify = f" QUALIFY COUNT(*) OVER (PARTITION BY {a}.n) > 1" if self._chance(0.2) else ""
        return f"SELECT {d} FROM {self.source(depth, outer)} {a}{qualify}"

    def _unnested(self, depth: int, outer: list[str]) -> str:
        a, u = self._alias(), self._alias()
        c = self._constant()
        array = self.random.choice(
            (
                f"[{c}, NULL]",
                f"IF({a}.n = 1, [{c}], [])",
                f"ARRAY(SELECT DISTINCT d FROM {self.source(depth - 1, [])} z WHERE z.n = {a}.n AND z.d IS NOT NULL)",
                f"ARRAY(SELECT d FROM {self.source(depth - 1, [])} z WHERE z.d = {a}.d)",
            )
        )
        join = self.random.choice(("CROSS JOIN", "LEFT JOIN", "LEFT JOIN", "JOIN"))
        on = "" if join == "CROSS JOIN" else f" ON {self.random.choice(('TRUE', f'{u} = {a}.d', f'{u} IS NULL'))}"
        d, n = self.random.choice((f"{a}.d", u)), self.random.choice((f"{a}.n", "o"))
        where = f" WHERE {self._compared(u)}" if self._chance(0.4) else ""
        return (
            f"SELECT {d} AS d, {n} AS n FROM {self.source(depth, outer)} {a} "
            f"{join} UNNEST({array}) AS {u} WITH OFFSET AS o{on}{where}"
        )

    def _named(self, depth: int, outer: list[str]) -> str:
        a, b, name, other = self._alias(), self._alias(), self._alias(), self._alias()
        entries = f"{name} AS (SELECT d, n FROM {self.source(depth, [])})"
        entries += f", {other} AS (SELECT {self._constant()} AS d, n FROM {name})"
        where = f"WHERE {self.predicate([a, b], 2)}" if self._chance(0.6) else ""
        return (
            f"WITH {entries} SELECT {self.random.choice((a, b))}.d, {a}.n FROM {self.random.choice((name, other))} {a} "
            f"{self.random.choice(JOINS)} {self.random.choice((name, other))} {b} ON {a}.n = {b}.n {where}"
        )

    def _limited(self, depth: int, outer: list[str]) -> str:
        return f"SELECT d, n FROM {self.source(depth, outer)} ORDER BY d, n LIMIT {self.random.randint(1, 3)}"

    def _pivoted(self, depth: int, outer: list[str]) -> str:
        a = self._alias()
        return (
            (
                f"SELECT {self.random.choice(('d', 'one AS d'))}, two AS n FROM "
                f"(SELECT d, n, n AS v, d AS w FROM {self.source(depth, outer)}) "
                f"PIVOT (MAX(w) AS a, COUNT(v) AS b FOR n IN (1 AS x1, 2 AS x2)) {a}"
            )
            .replace("one AS d", "a_x1 AS d")
            .replace("two AS n", "b_x2 AS n")
        )

    def _with_subquery(self, depth: int, outer: list[str]) -> str:
        a = self._alias()
        inner = self._alias()
        source = self.source(depth - 1, [])
        best = f"(SELECT MAX({inner}.d) FROM {source} {inner} WHERE {self.predicate([inner, a], 1)})"
        return f"SELECT {best} AS d, {a}.n FROM {self.source(depth, outer)} {a}"

    # --------------------------------------------------------------------------------------- predicates

    def scalar(self, aliases: list[str], depth: int) -> str:
        """A subquery with one value."""
        a = self._alias()
        what = self.random.choice(("COUNT(*)", f"MAX({a}.d)", f"SUM({a}.n)"))
        return f"(SELECT {what} FROM {self._inner(depth)} {a} WHERE {self._correlated(a, aliases, 2)})"

    def _inner(self, depth: int) -> str:
        """What a subquery is over: often a table as it is."""
        if self._chance(0.5):
            return self.tables[self.random.choice("pq")]
        return self.source(depth - 1, [])

    def _correlated(self, inner: str, outer: list[str], depth: int, columns: str = "dn") -> str:
        """A condition on rows of a subquery: often what is different where a column of the query around is NULL."""
        if self._chance(0.5):
            return self.predicate([inner, *outer], depth, columns)
        d, other = f"{inner}.d", f"{self.random.choice(outer)}.d"
        return self.random.choice(
            (
                f"{other} IS NULL OR {d} = {other}",
                f"{d} IS NOT DISTINCT FROM {other}",
                f"{d} = IFNULL({other}, {self._constant()})",
                f"({other} IS NULL AND {self._compared(d)}) OR {d} = {other}",
                f"COALESCE({d} = {other}, TRUE)",
                f"{d} >= {other}",
            )
        )

    def predicate(self, aliases: list[str], depth: int, columns: str = "dn") -> str:
        """A condition on the columns of these aliases."""
        a = aliases[0] if self._chance(0.6) else self.random.choice(aliases)
        d, n, other = f"{a}.d", f"{a}.n" if "n" in columns else "1", self.random.choice(aliases)
        kind = self.random.random()
        if kind < 0.35 or depth <= 0:
            return self._compared(d)
        if kind < 0.45:
            operator = self.random.choice(("=", "<", "IS NOT DISTINCT FROM", "IS DISTINCT FROM", ">="))
            return f"{d} {operator} {other}.d"
        if kind < 0.5:
            return f"{n} {self.random.choice(('= 1', '= 2', 'IS NULL', '> 1'))}"
        if kind < 0.75:
            first, second = self.predicate(aliases, depth - 1, columns), self.predicate(aliases, depth - 1, columns)
            return f"({first} {self.random.choice(('AND', 'OR'))} {second})"
        if kind < 0.85:
            shape = self.random.choice(
                ("NOT ({})", "COALESCE({}, TRUE)", "({}) IS TRUE", "({}) IS NOT TRUE", "({}) IS FALSE")
            )
            return shape.format(self.predicate(aliases, depth - 1, columns))
        inner = self._alias()
        source, condition = self._inner(depth), self._correlated(inner, aliases, depth - 1, columns)
        return self.random.choice(
            (
                f"EXISTS (SELECT 1 FROM {source} {inner} WHERE {condition})",
                f"NOT EXISTS (SELECT 1 FROM {source} {inner} WHERE {condition})",
                f"{d} IN (SELECT {inner}.d FROM {source} {inner} WHERE {condition})",
                f"(SELECT COUNT(*) FROM {source} {inner} WHERE {condition}) {self.random.choice(('> 1', '= 0', '= 1'))}",
                f"{d} = (SELECT MAX({inner}.d) FROM {source} {inner} WHERE {condition})",
            )
        )

    def _compared(self, d: str) -> str:
        c, e = self._constant(), self._constant()
        shapes = [f"{d} {self.random.choice(COMPARISONS)} {c}"] * 4 + [
            f"{c} {self.random.choice(COMPARISONS)} {d}",
            f"{d} IS NULL",
            f"{d} IS NOT NULL",
            f"{d} IS NOT DISTINCT FROM {c}",
            f"{d} IS DISTINCT FROM {c}",
            f"{d} IN ({c}, {e})",
            f"{d} NOT IN ({c}, NULL)",
            f"{d} IN UNNEST([{c}, NULL])",
            f"{d} BETWEEN {c} AND {e}",
            f"{d} = IF(FALSE, {c}, NULL)",
            "FALSE",
            *(function.format(d=d, c=c) for function in self.functions),
        ]
        return self.random.choice(shapes)

    def _constant(self) -> str:
        return self.random.choice(self.constants)

    def _alias(self) -> str:
        self._names += 1
        return f"a{self._names}"

    def _chance(self, share: float) -> bool:
        return self.random.random() < share
