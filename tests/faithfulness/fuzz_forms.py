"""What random queries are made of, above expressions: aggregates, windows, what stands after FROM, and subqueries.

A production is a text with places for its branches. Their kinds are types, for an expression over the rows that are at
hand where the production stands, or one of these, which only subqueries and sources have:

    from          a source of its own rows, from FROMS; the rest of the branches are over its columns too
    in INT64      an expression over its rows and the ones around, one that seldom raises
    agg INT64     an aggregate of that type over them; `win INT64` a window function
    total         what orders its rows and leaves nothing open
    tie           a comparison of a column of its own with one from around; `column` one of its own
    z INT64       in a source that is a query: over the rows that it reads; also `z agg INT64` and `z win INT64`

`#` in a source is a number that no other source of the query has.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.faithfulness.fuzz_grammar import (
    DAY,
    INT,
    INTS,
    MOMENT,
    NUM,
    ORDERED,
    REAL,
    TEXT,
    TEXTS,
    TRUTH,
    Production,
)

# A text, the types of its arguments, and its own type.
Filled = tuple[str, tuple[str, ...], str]
AGGREGATES: list[Filled] = [
    ("COUNT(*)", (), INT),
    ("COUNT({0})", (TEXT,), INT),
    ("COUNT(DISTINCT {0})", (INT,), INT),
    ("COUNT(DISTINCT {0})", (TEXT,), INT),
    ("COUNTIF({0})", (TRUTH,), INT),
    ("SUM({0})", (INT,), INT),
    ("SUM(DISTINCT {0})", (INT,), INT),
    ("SUM({0})", (NUM,), NUM),
    ("SUM(IF({0}, {1}, 0))", (TRUTH, INT), INT),
    ("AVG({0})", (INT,), REAL),
    ("AVG({0})", (NUM,), NUM),
    *((f"{name}({{0}})", (kind,), kind) for name in ("MIN", "MAX") for kind in ORDERED),
    ("LOGICAL_OR({0})", (TRUTH,), TRUTH),
    ("LOGICAL_AND({0})", (TRUTH,), TRUTH),
    ("BIT_OR({0})", (INT,), INT),
    ("BIT_XOR({0})", (INT,), INT),
    ("STRING_AGG({0}, '|' ORDER BY {0})", (TEXT,), TEXT),
    ("STRING_AGG(DISTINCT {0}, ',' ORDER BY {0} DESC LIMIT 2)", (TEXT,), TEXT),
    ("ARRAY_AGG({0} IGNORE NULLS ORDER BY {0})", (INT,), INTS),
    ("ARRAY_AGG({0} IGNORE NULLS ORDER BY {0} DESC LIMIT 2)", (TEXT,), TEXTS),
    ("ARRAY_AGG({0} IGNORE NULLS ORDER BY {1}, {0} LIMIT 1)[SAFE_OFFSET(0)]", (INT, DAY), INT),
    ("MAX({0} HAVING MAX {0})", (INT,), INT),
    ("MIN({0} HAVING MAX {1})", (TEXT, INT), TEXT),
    ("SUM({0} HAVING MIN {1})", (INT, DAY), INT),
    ("BIT_AND({0})", (INT,), INT),
    *(("COUNT(DISTINCT {0})", (kind,), INT) for kind in (NUM, DAY, MOMENT, TRUTH)),
    ("SUM(MOD({0}, 1000) / 4)", (INT,), REAL),
    ("AVG(MOD({0}, 1000) / 4)", (INT,), REAL),
    ("ARRAY_AGG(DISTINCT {0} IGNORE NULLS ORDER BY {0})", (TEXT,), TEXTS),
    ("ARRAY_AGG(STRUCT({0} AS p, {1} AS q) ORDER BY {0}, {1} LIMIT 1)[SAFE_OFFSET(0)].q", (INT, TEXT), TEXT),
    ("COALESCE(SUM({0}), 0) + COUNT({1})", (INT, INT), INT),
    ("SAFE_DIVIDE(SUM({0}), COUNT({1}))", (INT, TEXT), REAL),
    ("DIV(SUM({0}), COUNT({1}))", (INT, TEXT), INT),
]
# `{over}` is PARTITION BY and ORDER BY; `{frame}` the same with a frame; of both the order is total.
WINDOWS: list[Filled] = [
    ("SUM({0}) OVER ({frame})", (INT,), INT),
    ("SUM({0}) OVER ({frame})", (NUM,), NUM),
    ("COUNT({0}) OVER ({frame})", (TEXT,), INT),
    ("COUNT(*) OVER ({frame})", (), INT),
    ("COUNTIF({0}) OVER ({frame})", (TRUTH,), INT),
    ("AVG({0}) OVER ({frame})", (INT,), REAL),
    *((f"{name}({{0}}) OVER ({{frame}})", (kind,), kind) for name in ("MIN", "MAX") for kind in ORDERED),
    ("LOGICAL_OR({0}) OVER ({frame})", (TRUTH,), TRUTH),
    *((f"FIRST_VALUE({{0}}{nulls}) OVER ({{frame}})", (INT,), INT) for nulls in ("", " IGNORE NULLS")),
    *((f"LAST_VALUE({{0}}{nulls}) OVER ({{frame}})", (TEXT,), TEXT) for nulls in ("", " IGNORE NULLS")),
    *((f"NTH_VALUE({{0}}, 2{nulls}) OVER ({{frame}})", (DAY,), DAY) for nulls in ("", " IGNORE NULLS")),
    ("LAG({0}) OVER ({over})", (DAY,), DAY),
    ("LAG({0}, 2, -1) OVER ({over})", (INT,), INT),
    ("LEAD({0}, 1, 0) OVER ({over})", (INT,), INT),
    ("LEAD({0}, 1, DATE_ADD(DATE '2024-01-31', INTERVAL 1 MONTH)) OVER ({over})", (DAY,), DAY),
    ("LEAD({0}) OVER ({over})", (TEXT,), TEXT),
    ("ROW_NUMBER() OVER ({over})", (), INT),
    ("NTILE(3) OVER ({over})", (), INT),
    ("RANK() OVER (ORDER BY {0})", (INT,), INT),
    ("DENSE_RANK() OVER (PARTITION BY {1} ORDER BY {0} DESC)", (REAL, TRUTH), INT),
    ("PERCENT_RANK() OVER (ORDER BY {0})", (TEXT,), REAL),
    ("CUME_DIST() OVER (PARTITION BY {1} ORDER BY {0})", (DAY, TEXT), REAL),
    ("SUM({0}) OVER (PARTITION BY {1} ORDER BY {2})", (INT, TRUTH, INT), INT),
    ("COUNT({0}) OVER (ORDER BY {1} RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING)", (TEXT, INT), INT),
    ("MAX({0}) OVER (ORDER BY {1} RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)", (INT, DAY), INT),
    ("MAX({0}) OVER (PARTITION BY {1})", (NUM, TEXT), NUM),
    ("COUNT(DISTINCT {0}) OVER (PARTITION BY {1})", (TEXT, TRUTH), INT),
    ("SUM(DISTINCT {0}) OVER (PARTITION BY {1})", (INT, TEXT), INT),
    ("STRING_AGG({0}, '-') OVER ({frame})", (TEXT,), TEXT),
    ("ARRAY_AGG(IFNULL({0}, 0)) OVER ({frame})", (INT,), INTS),
    *(("PERCENTILE_DISC({0}, 0.5) OVER (PARTITION BY {1})", (kind, TRUTH), kind) for kind in (INT, TEXT, DAY)),
    ("PERCENTILE_CONT({0}, 0.25) OVER (PARTITION BY {1})", (INT, TRUTH), REAL),
    ("({0} - LAG({0}, 1, 0) OVER ({over}))", (INT,), INT),
]
FRAMES = (
    "",
    " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
    " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    " ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING",
    " ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING",
    " ROWS 1 PRECEDING",
)
JOINS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
# Over the groups of a GROUP BY: the kinds are of aggregates.
OVER_GROUPS: list[Filled] = [
    *((f"{name}({{0}}) OVER ()", ("agg INT64",), INT) for name in ("SUM", "MAX", "COUNT")),
    ("RANK() OVER (ORDER BY {0})", ("agg INT64",), INT),
    ("DENSE_RANK() OVER (ORDER BY {0} DESC)", ("agg STRING",), INT),
    ("SUM({0}) OVER (ORDER BY {1} RANGE UNBOUNDED PRECEDING)", ("agg INT64", "agg DATE"), INT),
    ("MAX({0}) OVER (PARTITION BY {1})", ("agg NUMERIC", "agg BOOL"), NUM),
    ("SAFE_DIVIDE({0}, SUM({1}) OVER ())", ("agg INT64", "agg INT64"), REAL),
]
SETS = ("UNION ALL", "UNION DISTINCT", "INTERSECT DISTINCT", "EXCEPT DISTINCT")
GROUPINGS: dict[int, tuple[str, ...]] = {
    1: ("ROLLUP({0})", "CUBE({0})", "GROUPING SETS ({0}, ())"),
    2: (
        "ROLLUP({0}, {1})",
        "CUBE({0}, {1})",
        "GROUPING SETS ({0}, {1})",
        "GROUPING SETS (({0}, {1}), {1}, ())",
        "GROUPING SETS (ROLLUP({0}, {1}), CUBE({1}))",
    ),
}


@dataclass(frozen=True)
class From:
    """What can stand after FROM.

    Args:
        text: with `#` for its number, and places for branches.
        kinds: of the branches; `A` and `B` are two types that chance chooses.
        columns: what it gives, names with types; `t.*` is all columns of the tables `t` and `r`.
        total: what orders its rows and leaves nothing open.
    """

    text: str
    kinds: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    total: str


ALL = "all"
X, Y = (("x#", ALL),), (("y#", ALL),)
E, W, V, U = ("e#", INT), ("w#", INT), ("v#.v", "A"), ("v#.u", "B")
FROMS: list[From] = [
    *(From("r AS x#", (), X, "x#.k") for _ in range(3)),
    *(From("t AS x#", (), X, "x#.k") for _ in range(3)),
    *(From("UNNEST({0}) AS e# WITH OFFSET AS w#", (INTS,), (E, W, E), "w#") for _ in range(2)),
    From("UNNEST({0}) AS e# WITH OFFSET AS w#", (TEXTS,), (("e#", TEXT), W), "w#"),
    From(
        "UNNEST([STRUCT({0} AS p, {1} AS q), ({2}, {3})]) AS e# WITH OFFSET AS w#",
        (INT, TEXT, INT, TEXT),
        (("e#.p", INT), ("e#.q", TEXT), W),
        "w#",
    ),
    *(From(f"t AS x# {join} r AS y# ON x#.i = y#.i", (), X + Y, "x#.k, y#.k") for join in JOINS),
    From("t AS x# LEFT JOIN r AS y# ON x#.k = y#.k AND {0}", ("in BOOL",), X + Y, "x#.k, y#.k"),
    From("t AS x# JOIN r AS y# ON {0} = {1}", ("in STRING", "in STRING"), X + Y, "x#.k, y#.k"),
    From("t AS x# FULL JOIN r AS y# ON x#.f = y#.f", (), X + Y, "x#.k, y#.k"),
    From("t AS x# JOIN r AS y# ON x#.d = y#.d OR x#.i < y#.i", (), X + Y, "x#.k, y#.k"),
    From("t AS x#, r AS y#", (), X + Y, "x#.k, y#.k"),
    From("t AS x#, UNNEST(x#.a) AS e# WITH OFFSET AS w#", (), (*X, E, W, E), "x#.k, w#"),
    From("t AS x# LEFT JOIN UNNEST(x#.a) AS e# WITH OFFSET AS w#", (), (*X, E, W, E), "x#.k, w#"),
    From("t AS x# LEFT JOIN UNNEST(x#.a) AS e# ON e# = x#.i", (), (*X, E, E), "x#.k, e#"),
    From("UNNEST({0}) AS e# WITH OFFSET AS w# LEFT JOIN r AS x# ON x#.i = e#", (INTS,), (*X, E, W, E), "w#, x#.k"),
    From("r AS x# JOIN UNNEST({0}) AS e# WITH OFFSET AS w# ON x#.i = e#", (INTS,), (*X, E, W, E), "x#.k, w#"),
    From("(SELECT * FROM t WHERE k > 1 ORDER BY k DESC LIMIT 3) AS x#", (), X, "x#.k"),
    From(
        "(SELECT DISTINCT i, o, s FROM t) AS v#",
        (),
        (("v#.i", INT), ("v#.o", TRUTH), ("v#.s", TEXT)),
        "v#.i, v#.o, v#.s",
    ),
    From(
        "(SELECT i, s, k FROM t UNION ALL SELECT j, u, k + 100 FROM r) AS v#",
        (),
        (("v#.i", INT), ("v#.s", TEXT)),
        "v#.k",
    ),
    From(
        "(SELECT k, v, c FROM (SELECT k, i, j FROM t) UNPIVOT(v FOR c IN (i, j))) AS v#",
        (),
        (("v#.v", INT), ("v#.c", TEXT)),
        "v#.k, v#.c",
    ),
    From(
        "(SELECT o, p, q FROM (SELECT o, i, j FROM r) PIVOT(SUM(j) FOR i IN (1 AS p, 2 AS q))) AS v#",
        (),
        (("v#.o", TRUTH), ("v#.p", INT), ("v#.q", INT)),
        "v#.o",
    ),
]
# Sources that are queries themselves: `z#` are rows of their own.
DERIVED: list[From] = [
    From(
        "(SELECT z#.k AS k, {0} AS v, {1} AS u FROM r AS z# WHERE {2}) AS v#", ("z A", "z B", "z BOOL"), (V, U), "v#.k"
    ),
    From(
        "t AS x# LEFT JOIN (SELECT z#.k AS k, {0} AS v, {1} AS u FROM r AS z# WHERE {2}) AS v# ON v#.k = x#.k",
        ("z A", "z B", "z BOOL"),
        (*X, V, U, V, U),
        "x#.k",
    ),
    From(
        "t AS x# FULL JOIN (SELECT z#.k + 2 AS k, {0} AS v, {1} AS u FROM r AS z#) AS v# ON v#.k = x#.k",
        ("z A", "z B"),
        (*X, V, U, V, U),
        "x#.k, v#.k",
    ),
    From(
        "t AS x# LEFT JOIN (SELECT z#.i AS i, {0} AS v, {1} AS u FROM r AS z# GROUP BY i) AS v# ON v#.i = x#.i",
        ("z agg A", "z agg B"),
        (*X, V, U, V, U),
        "x#.k",
    ),
    From(
        "(SELECT z#.o AS o, {0} AS v, {1} AS u FROM t AS z# GROUP BY o) AS v#", ("z agg A", "z agg B"), (V, U), "v#.o"
    ),
    From(
        "(SELECT {0} AS v, {1} AS u, 1 AS k FROM r AS z# WHERE {2}) AS v#",
        ("z agg A", "z agg B", "z BOOL"),
        (V, U),
        "v#.k",
    ),
    From("(SELECT z#.k AS k, {0} AS v, {1} AS u FROM t AS z#) AS v#", ("z win A", "z win B"), (V, U), "v#.k"),
]
SELECTED: list[Production] = [
    ("(SELECT {1} FROM {0})", ("from", "agg T")),
    ("(SELECT {1} FROM {0} WHERE {2})", ("from", "agg T", "in BOOL")),
    ("(SELECT {1} FROM {0} WHERE {2})", ("from", "agg T", "tie")),
    ("(SELECT {1} FROM {0} WHERE {2} AND {3})", ("from", "agg T", "tie", "in BOOL")),
    ("(SELECT {1} FROM {0} WHERE {2} HAVING {3} > 1)", ("from", "agg T", "tie", "agg INT64")),
    ("(SELECT {1} FROM {0} WHERE {2} ORDER BY {3} LIMIT 1)", ("from", "in T", "tie", "total")),
    ("(SELECT {1} FROM {0} WHERE {2} ORDER BY {3} LIMIT 1 OFFSET 1)", ("from", "in T", "in BOOL", "total")),
    ("(SELECT MIN(v) FROM (SELECT DISTINCT {1} AS v FROM {0} WHERE {2}))", ("from", "in T", "tie")),
    (
        "(SELECT MAX(v) FROM (SELECT {1} AS v FROM {0} WHERE {2} ORDER BY {3} LIMIT 2))",
        ("from", "in T", "tie", "total"),
    ),
    (
        "(SELECT MAX(v) FROM (SELECT {2} AS g, {1} AS v FROM {0} WHERE {3} GROUP BY g))",
        ("from", "agg T", "in BOOL", "tie"),
    ),
    ("(SELECT MIN(v) FROM (SELECT {1} AS v FROM {0} WHERE {2}))", ("from", "win T", "tie")),
    ("(SELECT MAX(v) FROM (SELECT {1} AS v FROM {0} WHERE {2} UNION ALL SELECT {3}))", ("from", "in T", "tie", "T")),
    ("(SELECT MIN(v) FROM (SELECT {1} AS v FROM {0} EXCEPT DISTINCT SELECT {2}))", ("from", "in T", "T")),
    ("(SELECT MIN(v) FROM (SELECT {1} AS v FROM {0} INTERSECT DISTINCT SELECT {2}))", ("from", "in T", "T")),
    (
        "(SELECT AS STRUCT {1} AS p, {2} AS q FROM {0} WHERE {3} ORDER BY {4} LIMIT 1).p",
        ("from", "in T", "in INT64", "tie", "total"),
    ),
    ("(SELECT AS STRUCT {1} AS p, {2} AS q FROM {0} WHERE {3}).p", ("from", "agg T", "agg INT64", "tie")),
    ("ARRAY(SELECT {1} FROM {0} WHERE {2} ORDER BY {3})[SAFE_OFFSET(0)]", ("from", "in T", "tie", "total")),
    (
        "ARRAY(SELECT AS STRUCT {1} AS v FROM {0} WHERE {2} ORDER BY {3} LIMIT 2)[SAFE_OFFSET(1)].v",
        ("from", "in T", "tie", "total"),
    ),
    ("(SELECT {0})", ("T",)),
    ("(SELECT {0} FROM (SELECT 1) WHERE {1})", ("T", "BOOL")),
    ("(SELECT {1} FROM {0} GROUP BY ROLLUP({2}) HAVING GROUPING({2}) = 1)", ("from", "agg T", "column")),
]
TESTED: list[Production] = [
    ("({1} IN (SELECT {2} FROM {0} WHERE {3}))", ("from", "T", "in T", "in BOOL")),
    ("({1} NOT IN (SELECT {2} FROM {0} WHERE {3}))", ("from", "T", "in T", "tie")),
    ("({1} IN (SELECT {2} FROM {0} WHERE {3}))", ("from", "T", "agg T", "tie")),
    ("({1} IN (SELECT {2} FROM {0} GROUP BY {3}))", ("from", "T", "agg T", "column")),
    ("({1} IN (SELECT DISTINCT {2} FROM {0} WHERE {3}))", ("from", "T", "in T", "tie")),
    ("({1} IN (SELECT {2} FROM {0} ORDER BY {3} LIMIT 2))", ("from", "T", "in T", "total")),
    ("({1} NOT IN (SELECT {2} FROM {0} UNION ALL SELECT {3}))", ("from", "T", "in T", "T")),
    ("({1} = (SELECT {2} FROM {0} WHERE {3}))", ("from", "T", "agg T", "tie")),
    ("(({1}, {2}) IN (SELECT ({3}, {4}) FROM {0} WHERE {5}))", ("from", "T", "INT64", "in T", "in INT64", "tie")),
]
EXISTS: list[Production] = [
    ("EXISTS (SELECT 1 FROM {0} WHERE {1})", ("from", "in BOOL")),
    ("EXISTS (SELECT 1 FROM {0} WHERE {1} AND {2})", ("from", "tie", "in BOOL")),
    ("(NOT EXISTS (SELECT 1 FROM {0} WHERE {1}))", ("from", "tie")),
    (
        "EXISTS (SELECT {1} FROM {0} WHERE {2} GROUP BY {3} HAVING {4} > 1)",
        ("from", "agg INT64", "tie", "column", "agg INT64"),
    ),
    ("EXISTS (SELECT {1} FROM {0} WHERE {2} HAVING {3} > 1)", ("from", "agg STRING", "tie", "agg INT64")),
    ("EXISTS (SELECT 1 FROM {0} WHERE {1} LIMIT 1 OFFSET 1)", ("from", "tie")),
    ("EXISTS (SELECT {1} FROM {0} EXCEPT DISTINCT SELECT {2})", ("from", "in INT64", "INT64")),
    ("EXISTS (SELECT 1 FROM {0} WHERE {1} QUALIFY {2} > 1)", ("from", "tie", "win INT64")),
]
LISTED: list[Production] = [
    ("ARRAY(SELECT {1} FROM {0} WHERE {2} AND {1} IS NOT NULL ORDER BY {3})", ("from", "in T", "tie", "total")),
    ("ARRAY(SELECT {1} FROM {0} WHERE {1} IS NOT NULL ORDER BY {2} DESC LIMIT 2)", ("from", "in T", "total")),
    ("ARRAY(SELECT DISTINCT {1} AS v FROM {0} WHERE {1} IS NOT NULL ORDER BY v)", ("from", "in T")),
    ("ARRAY(SELECT {1} AS v FROM {0} GROUP BY v HAVING v IS NOT NULL ORDER BY v LIMIT 3)", ("from", "in T")),
    (
        "ARRAY(SELECT v FROM (SELECT {1} AS v, {2} AS g FROM {0} GROUP BY g) WHERE v IS NOT NULL ORDER BY v, g)",
        ("from", "agg T", "column"),
    ),
    (
        "ARRAY(SELECT v FROM (SELECT {1} AS v FROM {0} WHERE {2}) WHERE v IS NOT NULL ORDER BY v)",
        ("from", "win T", "tie"),
    ),
    ("(SELECT ARRAY_AGG({1} IGNORE NULLS ORDER BY {2}) FROM {0} WHERE {3})", ("from", "in T", "total", "tie")),
]


def _of(table: list[Production], kind: str) -> list[Production]:
    return [
        (text, tuple(f"{k[:-1]}{kind}" if k == "T" or k.endswith(" T") else k for k in kinds)) for text, kinds in table
    ]


SUBQUERIES: dict[str, list[Production]] = {
    **{kind: _of(SELECTED, kind) for kind in ORDERED},
    INTS: _of(LISTED, INT),
    TEXTS: _of(LISTED, TEXT),
}
SUBQUERIES[INT] += [
    ("(SELECT COUNT(*) FROM {0} WHERE {1})", ("from", "tie")),
    ("(SELECT COUNT(*) FROM {0} WHERE {1})", ("from", "in BOOL")),
    (
        "(SELECT COUNT(*) FROM (SELECT DISTINCT {1} AS v, {2} AS w FROM {0} WHERE {3}))",
        ("from", "in STRING", "in BOOL", "tie"),
    ),
    ("ARRAY_LENGTH(ARRAY(SELECT {1} FROM {0} WHERE {2}))", ("from", "in STRING", "tie")),
]
SUBQUERIES[TRUTH] += [*EXISTS, *(each for kind in (INT, TEXT, REAL, NUM, DAY, MOMENT) for each in _of(TESTED, kind))]
