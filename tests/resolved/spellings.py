"""Small random queries, other spellings of them, and changes that may or may not change their answer.

Every relation has two INT64 columns, `p` and `q`, so that any part can stand where any other does. All have one answer:
what is cut is ordered by all columns.
"""

from __future__ import annotations

import re
from random import Random

COMPARISONS = ("=", "!=", "<", "<=")
SETS = ("UNION ALL", "UNION DISTINCT", "INTERSECT DISTINCT", "EXCEPT DISTINCT")
JOINS = ("INNER JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
AGGREGATES = ("MIN(", "MAX(", "SUM(", "COUNT(", "COUNT(DISTINCT ", "SUM(DISTINCT ")
FRAMES = ("ROWS 1 PRECEDING", "ROWS UNBOUNDED PRECEDING", "RANGE 1 PRECEDING")
# What may stand for what: a change takes another word of the same line.
KINDS = (
    COMPARISONS,
    SETS,
    JOINS,
    AGGREGATES,
    FRAMES,
    (" + ", " - ", " * "),
    ("FROM t", "FROM u"),
    (".p", ".q"),
    ("x.", "y."),
    ("0", "1", "2"),
    (" ASC", " DESC"),
    ("SELECT DISTINCT ", "SELECT "),
    (" AND ", " OR "),
    (" IN (", " NOT IN ("),
    ("EXISTS (", "NOT EXISTS ("),
    ("ROLLUP (", "CUBE ("),
    ("IFNULL(", "NULLIF("),
)
_WORDS = [re.compile("|".join(re.escape(word) for word in sorted(kind, key=len, reverse=True))) for kind in KINDS]


class Speller:
    """Makes queries from one source of chance."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.entries = 0

    def any(self, *texts: str) -> str:
        return self.chance.choice(texts)

    def query(self, deep: int = 2) -> str:
        """A query with the columns `p` and `q`."""
        if deep == 0:
            return f"SELECT x.p, x.q FROM {self.any('t', 'u')} AS x"
        shapes = (self.plain, self.plain, self.grouped, self.sets, self.joined, self.window, self.cut, self.shared)
        return self.chance.choice(shapes)(deep)

    def source(self, deep: int) -> str:
        return self.any("t", "u", f"({self.query(deep - 1)})")

    def value(self, *aliases: str, deep: int = 1) -> str:
        """An INT64 of these relations' columns."""
        column = f"{self.any(*aliases)}.{self.any('p', 'q')}"
        if deep == 0:
            return self.any(column, column, self.any("0", "1", "2"))
        inner = self.value(*aliases, deep=deep - 1)
        subquery = f"(SELECT {self.any(*AGGREGATES)}i.{self.any('p', 'q')}) FROM {self.any('t', 'u')} AS i WHERE i.p = {inner})"
        return self.any(column, f"({inner}{self.any(' + ', ' - ')}{column})", f"IFNULL({column}, {inner})", subquery)

    def condition(self, *aliases: str) -> str:
        compared = f"{self.value(*aliases)} {self.any(*COMPARISONS)} {self.value(*aliases, deep=0)}"
        subquery = f"SELECT i.p FROM {self.any('t', 'u')} AS i WHERE i.q {self.any(*COMPARISONS)} {self.value(*aliases, deep=0)}"
        member = f"{self.value(*aliases, deep=0)} IN ({subquery})"
        simple = self.any(compared, compared, member, f"EXISTS ({subquery})")
        other = f"{self.value(*aliases, deep=0)} {self.any(*COMPARISONS)} {self.any('0', '1', '2')}"
        return self.any(simple, f"({simple}{self.any(' AND ', ' OR ')}{other})", f"{simple} AND {other}")

    def plain(self, deep: int) -> str:
        distinct = self.any("", "", "DISTINCT ")
        values = f"{self.value('x')} AS p, {self.value('x')} AS q"
        where = self.any("", f" WHERE {self.condition('x')}")
        return f"SELECT {distinct}{values} FROM {self.source(deep)} AS x{where}"

    def grouped(self, deep: int) -> str:
        keys = self.any("x.p", "x.p, x.q", "x.q, x.p", "ROLLUP (x.p, x.q)", "CUBE (x.p, x.q)")
        having = self.any("", f" HAVING {self.any(*AGGREGATES)}x.q) > {self.any('0', '1')}")
        values = f"x.p AS p, {self.any(*AGGREGATES)}{self.value('x', deep=0)}) AS q"
        return f"SELECT {values} FROM {self.source(deep)} AS x GROUP BY {keys}{having}"

    def sets(self, deep: int) -> str:
        return f"({self.query(deep - 1)}) {self.any(*SETS)} ({self.query(deep - 1)})"

    def joined(self, deep: int) -> str:
        values = f"{self.value('x', 'y')} AS p, {self.value('x', 'y', deep=0)} AS q"
        on = f"x.{self.any('p', 'q')} = y.{self.any('p', 'q')}"
        join = self.any(
            f" AS x {self.any(*JOINS)} {self.source(deep)} AS y ON {on}", f" AS x, {self.source(deep)} AS y WHERE {on}"
        )
        return f"SELECT {values} FROM {self.source(deep)}{join}"

    def window(self, deep: int) -> str:
        order = f"ORDER BY x.p{self.any(' ASC', ' DESC')}, x.q"
        over = self.any("", "PARTITION BY x.q", order, f"{order} ROWS UNBOUNDED PRECEDING", f"PARTITION BY x.p {order}")
        where = self.any("", f" WHERE {self.condition('x')}")
        qualify = self.any("", f" QUALIFY {self.any('RANK()', 'DENSE_RANK()')} OVER ({order}) <= {self.any('1', '2')}")
        value = f"{self.any('MIN(', 'MAX(', 'SUM(', 'COUNT(')}x.q) OVER ({over})"
        return f"SELECT x.p AS p, {value} AS q FROM {self.source(deep)} AS x{where}{qualify}"

    def cut(self, deep: int) -> str:
        order = f"ORDER BY x.p{self.any(' ASC', ' DESC')}, x.q{self.any(' ASC', ' DESC')}"
        return f"SELECT x.p, x.q FROM {self.source(deep)} AS x {order} LIMIT {self.any('1', '2')}{self.any('', ' OFFSET 1')}"

    def shared(self, deep: int) -> str:
        self.entries += 1
        name = f"w{self.entries}"
        used = self.any(f"{name} AS x", f"{name} AS x {self.any(*JOINS)} {name} AS y ON x.p = y.q")
        aliases = ("x", "y") if "JOIN" in used else ("x",)
        values = f"{self.value(*aliases)} AS p, {self.value(*aliases, deep=0)} AS q"
        return f"WITH {name} AS ({self.query(deep - 1)}) SELECT {values} FROM {used}"

    # -------------------------------------------------------------------------------------- texts

    def changed(self, sql: str) -> str:
        """One word is another."""
        places = [(match, kind) for words, kind in zip(_WORDS, KINDS, strict=True) for match in words.finditer(sql)]
        match, kind = self.chance.choice(places)
        word = self.chance.choice([word for word in kind if word != match[0]])
        return sql[: match.start()] + word + sql[match.end() :]

    def respelled(self, sql: str) -> str:
        """The same with other aliases, blanks and comments."""
        names = {"x": "left_one", "y": "another", "i": "inner_one"} | {f"w{i}": f"with_{i}" for i in range(1, 9)}
        sql = re.sub(r"\b(x|y|i|w\d)\b", lambda match: names[match[0]], sql)
        return re.sub(" ", lambda _: self.any(" ", " ", "  ", "\n", " /* why */ ", " -- so\n"), sql)
