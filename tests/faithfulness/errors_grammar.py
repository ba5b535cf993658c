"""What random queries that raise are made of: rows with tight facts, expressions that raise for some of them, and forms.

A production is a text with places for its branches, and their types. A form is a whole query in one place of which the
expressions stand; after it come the same query as other orders of evaluation have it, where Google's pages leave open
which rows or columns are computed: an answer is right if one of them gives it.
"""

from __future__ import annotations

Production = tuple[str, tuple[str, ...]]
INT, REAL, NUM, TEXT, DAY, TRUTH = "INT64", "FLOAT64", "NUMERIC", "STRING", "DATE", "BOOL"
TYPES = (INT, INT, INT, REAL, NUM, TEXT, DAY, TRUTH, TRUTH)

# Each world takes one pool for each column, so that what is known of it excludes an error or does not.
POOLS: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "z": (INT, (("0", "1", "2"), ("-1", "0", "3"), ("1", "2", "3"), ("0", "1", "NULL"))),
    "p": (INT, (("1", "5", "9"), ("7",), ("2", "4", "NULL"))),
    "v": (INT, (("9223372036854775807", "5", "-10"), ("9223372036854775806", "0"), ("1", "9"), ("4", "NULL"))),
    "w": (INT, (("-9223372036854775808", "5"), ("-9223372036854775807", "0", "NULL"), ("-3", "3"))),
    "e": (INT, (("NULL",),)),
    "f": (REAL, (("1e308", "0.5", "-2.0"), ("0.0", "-1.0", "4.0"), ("1.5", "2.5"), ("1e200", "NULL"))),
    "n": (
        NUM,
        (("NUMERIC '99999999999999999999999999999.5'", "NUMERIC '1'"), ("NUMERIC '1.5'", "NUMERIC '0'", "NULL")),
    ),
    "s": (TEXT, (("'x'", "'1'", "'2'"), ("'1'", "'2'"), ("'2024-02-29'", "'true'", "NULL"))),
    "d": (DAY, (("DATE '9999-12-31'", "DATE '2024-02-29'"), ("DATE '0001-01-01'", "NULL"), ("DATE '2023-01-01'",))),
    "o": (TRUTH, (("TRUE", "FALSE"), ("TRUE", "FALSE", "NULL"), ("FALSE",))),
}
CONSTANTS = {
    INT: ("0", "1", "5", "-1", "CAST(NULL AS INT64)", "@p_int64"),
    REAL: ("0.0", "2.5", "1e308", "CAST(NULL AS FLOAT64)", "@p_float64"),
    NUM: ("NUMERIC '2'", "NUMERIC '0'", "CAST(NULL AS NUMERIC)"),
    TEXT: ("'a'", "'1'", "''", "CAST(NULL AS STRING)", "@p_string"),
    DAY: ("DATE '2024-01-01'", "CAST(NULL AS DATE)"),
    TRUTH: ("TRUE", "FALSE", "CAST(NULL AS BOOL)", "@p_bool"),
}
# The parameters are NULL.
GIVEN = {"p_int64": INT, "p_float64": REAL, "p_string": TEXT, "p_bool": TRUTH}

RAISING: dict[str, list[Production]] = {
    INT: [
        ("(v + 1)", ()),
        ("(1 + v)", ()),
        ("(v - -2)", ()),
        ("(v * 2)", ()),
        ("(w - 1)", ()),
        ("(-w)", ()),
        ("ABS(w)", ()),
        ("({0} + {1})", (INT, INT)),
        ("({0} * 3)", (INT,)),
        ("DIV({0}, z)", (INT,)),
        ("DIV(p, {0})", (INT,)),
        ("MOD(p, z)", ()),
        ("CAST(s AS INT64)", ()),
        ("CAST(f AS INT64)", ()),
        ("CAST({0} AS INT64)", (TEXT,)),
        ("[p, k][OFFSET(z)]", ()),
        ("EXTRACT(YEAR FROM {0})", (DAY,)),
        ("IF(z = 0, ERROR('e'), {0})", (INT,)),
        ("DATE_DIFF({0}, d, DAY)", (DAY,)),
        ("(SELECT {0} FROM r)", (INT,)),
        ("(SELECT MAX({0}) FROM r)", (INT,)),
        ("(SELECT SUM({0}) FROM r)", (INT,)),
        ("(SELECT COUNT({0}) FROM r)", (INT,)),
        ("(SELECT r.p FROM r WHERE r.z = t.z)", ()),
        ("(SELECT MAX({0}) FROM r WHERE r.k = t.k)", (INT,)),
        ("(SELECT {0} FROM r ORDER BY k LIMIT 1)", (INT,)),
        ("ARRAY_LENGTH(ARRAY(SELECT {0} FROM r))", (INT,)),
    ],
    REAL: [
        ("(p / z)", ()),
        ("({0} / f)", (REAL,)),
        ("(f * 10)", ()),
        ("(f + {0})", (REAL,)),
        ("SQRT(f)", ()),
        ("LN({0})", (REAL,)),
        ("CAST(s AS FLOAT64)", ()),
        ("EXP({0})", (INT,)),
        ("(SELECT MAX({0}) FROM r)", (REAL,)),
    ],
    NUM: [
        ("(n * 10)", ()),
        ("(n + n)", ()),
        ("({0} / z)", (NUM,)),
        ("CAST(f AS NUMERIC)", ()),
        ("CAST(s AS NUMERIC)", ()),
        ("(SELECT MAX({0}) FROM r)", (NUM,)),
    ],
    TEXT: [
        ("CAST({0} AS STRING)", (INT,)),
        ("CAST({0} AS STRING)", (DAY,)),
        ("SUBSTR('abc', 1, z)", ()),
        ("LEFT({0}, z)", (TEXT,)),
        ("REPEAT('ab', z)", ()),
        ("CHR(w)", ()),
        ("FORMAT('%d', {0})", (INT,)),
        ("(SELECT MAX({0}) FROM r)", (TEXT,)),
        ("(SELECT STRING_AGG({0}, ',' ORDER BY k) FROM r)", (TEXT,)),
    ],
    DAY: [
        ("DATE_ADD(d, INTERVAL p DAY)", ()),
        ("DATE_SUB(d, INTERVAL {0} MONTH)", (INT,)),
        ("CAST(s AS DATE)", ()),
        ("PARSE_DATE('%Y-%m-%d', {0})", (TEXT,)),
        ("DATE(2024, z, 1)", ()),
        ("(SELECT MIN({0}) FROM r)", (DAY,)),
    ],
    TRUTH: [
        ("(v + 1 > 5)", ()),
        ("(10 >= v + 2)", ()),
        ("(v * 2 = 10)", ()),
        ("(DIV(p, z) > 1)", ()),
        ("CAST(s AS BOOL)", ()),
        ("EXISTS(SELECT 1 FROM r WHERE {0})", (TRUTH,)),
        ("EXISTS(SELECT 1 FROM r WHERE r.k = t.k AND v + 1 > 0)", ()),
        ("({0} IN (SELECT {1} FROM r))", (INT, INT)),
        ("({0} NOT IN (SELECT {1} FROM r WHERE {2}))", (INT, INT, TRUTH)),
        ("(SELECT LOGICAL_OR({0}) FROM r)", (TRUTH,)),
    ],
}
# Where what stands beside it, or what DuckDB knows, may settle the value without the branch.
SETTLING: dict[str, list[Production]] = {
    INT: [
        ("IF({0}, 1, 1)", (TRUTH,)),
        ("IF({0}, {1}, {2})", (TRUTH, INT, INT)),
        ("CASE WHEN {0} THEN 1 WHEN {1} THEN 2 ELSE 0 END", (TRUTH, TRUTH)),
        ("CASE {0} WHEN {1} THEN 1 ELSE 0 END", (INT, INT)),
        ("(CAST(NULL AS INT64) + {0})", (INT,)),
        ("({0} - CAST(NULL AS INT64))", (INT,)),
        ("(e + {0})", (INT,)),
        ("({0} * e)", (INT,)),
        ("(@p_int64 + {0})", (INT,)),
        ("({0} * 0)", (INT,)),
        ("({0} - {0})", (INT,)),
        ("({0} + 0)", (INT,)),
        ("NULLIF({0}, {1})", (INT, INT)),
        ("NULLIF(@p_int64, {0})", (INT,)),
        ("GREATEST({0}, {1})", (INT, INT)),
        ("GREATEST(CAST(NULL AS INT64), {0})", (INT,)),
        ("COALESCE({0}, {1})", (INT, INT)),
        ("IFNULL(k, {0})", (INT,)),
        ("STRUCT(k AS a, {0} AS b).a", (INT,)),
        ("[k, {0}][OFFSET(0)]", (INT,)),
        ("ARRAY_LENGTH([{0}, {1}])", (INT, INT)),
        ("MOD({0}, 10)", (INT,)),
        ("SIGN({0})", (INT,)),
        ("({0} & 0)", (INT,)),
        ("LENGTH({0})", (TEXT,)),
        ("(SELECT {0})", (INT,)),
        ("(SELECT COUNT(*) FROM UNNEST([{0}]))", (INT,)),
        ("(SELECT COUNT(x) FROM UNNEST([{0}, {1}]) AS x)", (INT, INT)),
    ],
    REAL: [
        ("(CAST(NULL AS FLOAT64) * {0})", (REAL,)),
        ("(0.0 * {0})", (REAL,)),
        ("IF({0}, 1.5, 1.5)", (TRUTH,)),
        ("COALESCE({0}, {1})", (REAL, REAL)),
        ("SAFE_DIVIDE({0}, {1})", (REAL, REAL)),
        ("CAST({0} AS FLOAT64)", (INT,)),
    ],
    NUM: [
        ("(CAST(NULL AS NUMERIC) + {0})", (NUM,)),
        ("({0} * 0)", (NUM,)),
        ("IF({0}, {1}, n)", (TRUTH, NUM)),
        ("CAST({0} AS NUMERIC)", (INT,)),
    ],
    TEXT: [
        ("CONCAT(CAST(NULL AS STRING), {0})", (TEXT,)),
        ("CONCAT({0}, {1})", (TEXT, TEXT)),
        ("IF({0}, 'a', 'a')", (TRUTH,)),
        ("COALESCE({0}, 'a')", (TEXT,)),
        ("UPPER({0})", (TEXT,)),
        ("SUBSTR({0}, 1, 0)", (TEXT,)),
    ],
    DAY: [
        ("COALESCE({0}, d)", (DAY,)),
        ("IF({0}, d, d)", (TRUTH,)),
        ("DATE_TRUNC({0}, MONTH)", (DAY,)),
        ("GREATEST({0}, CAST(NULL AS DATE))", (DAY,)),
    ],
    TRUTH: [
        *((f"({{0}} {op} {{1}})", (kind, kind)) for op in ("=", "<", ">=", "<>") for kind in (INT, TEXT, DAY)),
        *((f"({{0}} {op} 5)", (INT,)) for op in ("=", "<", ">", "<=", ">=", "<>")),
        *((f"({{0}} IS {word}NULL)", (kind,)) for word in ("", "NOT ") for kind in (INT, REAL, NUM, TEXT, DAY, TRUTH)),
        ("(5 < {0})", (INT,)),
        ("({0} > 1.5)", (REAL,)),
        ("({0} < NUMERIC '3')", (NUM,)),
        ("({0} BETWEEN 1 AND 9)", (INT,)),
        ("(z BETWEEN {0} AND {1})", (INT, INT)),
        ("({0} IN (1, 2))", (INT,)),
        ("(1 IN (1, {0}))", (INT,)),
        ("({0} IN (1, {1}))", (INT, INT)),
        ("({0} IN UNNEST([1, {1}]))", (INT, INT)),
        ("({0} AND {1})", (TRUTH, TRUTH)),
        ("({0} OR {1})", (TRUTH, TRUTH)),
        ("(FALSE AND {0})", (TRUTH,)),
        ("(TRUE OR {0})", (TRUTH,)),
        ("(CAST(NULL AS BOOL) AND {0})", (TRUTH,)),
        ("(@p_bool OR {0})", (TRUTH,)),
        ("(z = 77 AND {0})", (TRUTH,)),
        ("(z < 77 OR {0})", (TRUTH,)),
        ("({0} AND {1} AND {2})", (TRUTH, TRUTH, TRUTH)),
        ("(NOT {0})", (TRUTH,)),
        ("({0} IS TRUE)", (TRUTH,)),
        ("({0} IS DISTINCT FROM {1})", (INT, INT)),
        ("({0} = {0})", (INT,)),
        ("({0} LIKE 'a%')", (TEXT,)),
        ("(CAST(NULL AS STRING) LIKE {0})", (TEXT,)),
        ("((1, {0}) = (2, {1}))", (INT, INT)),
        ("STARTS_WITH({0}, '')", (TEXT,)),
    ],
}

ANY = "ANY"
# How a query aggregates, with the type of the argument.
AGGREGATES: list[tuple[str, str]] = [
    *((f"{call} {{0}})", ANY) for call in ("COUNT(", "COUNT(", "COUNT(DISTINCT", "MIN(", "MAX(")),
    ("COUNTIF({0})", TRUTH),
    ("SUM({0})", INT),
    ("SUM({0} + 1)", INT),
    ("SUM({0} * 2)", INT),
    ("AVG({0})", INT),
    ("SUM({0})", NUM),
    ("AVG({0})", NUM),
    ("LOGICAL_AND({0})", TRUTH),
    ("LOGICAL_OR({0})", TRUTH),
    ("BIT_OR({0})", INT),
    ("SUM(DISTINCT {0})", INT),
    ("STRING_AGG({0}, ',' ORDER BY k)", TEXT),
    ("ARRAY_LENGTH(ARRAY_AGG({0}))", ANY),
    ("ARRAY_AGG(k ORDER BY {0}, k)", ANY),
    ("COUNT([{0}])", INT),
    ("COUNT(STRUCT({0}))", ANY),
    ("SUM(IF({0}, 1, 0))", TRUTH),
    ("COUNT(CASE WHEN {0} THEN 'a' ELSE 'b' END)", TRUTH),
    ("MAX(k HAVING MAX {0})", INT),
    ("(SUM({0}) IS NULL)", INT),
    ("(SUM({0}) + 1 > 0)", INT),
    ("(CAST(NULL AS INT64) + SUM({0}))", INT),
    ("IF(SUM({0}) > 5, 1, 1)", INT),
]
WINDOWS: list[tuple[str, str]] = [
    ("COUNT({0}) OVER ()", ANY),
    ("COUNT({0}) OVER (PARTITION BY z)", ANY),
    ("COUNTIF({0}) OVER ()", TRUTH),
    ("SUM({0}) OVER (ORDER BY k)", INT),
    ("MAX({0}) OVER (ORDER BY k ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)", INT),
    ("ROW_NUMBER() OVER (PARTITION BY {0} ORDER BY k)", INT),
    ("ROW_NUMBER() OVER (PARTITION BY {0} IS NULL ORDER BY k)", ANY),
    ("RANK() OVER (ORDER BY {0})", INT),
    ("LAG({0}) OVER (ORDER BY k)", INT),
    ("FIRST_VALUE({0}) OVER (ORDER BY k)", ANY),
    ("LAST_VALUE({0}) OVER (ORDER BY k)", TEXT),
    ("(SUM({0}) OVER () IS NULL)", INT),
    ("(CAST(NULL AS INT64) + SUM({0}) OVER ())", INT),
]
Form = tuple[tuple[str, ...], tuple[str, ...]]
# In a form `agg` and `win` stand for one of the above.
FORMS: list[Form] = [
    (("SELECT k, {0} AS x FROM t",), (ANY,)),
    (("SELECT k, {0} AS x FROM t",), (ANY,)),
    (("SELECT k, {0} AS x, {1} AS y FROM t",), (ANY, ANY)),
    (("SELECT CAST(NULL AS INT64) + (SELECT {0} FROM t) AS x",), (INT,)),
    (("SELECT FALSE AND (SELECT {0} FROM t) AS x",), (TRUTH,)),
    (("SELECT k FROM t WHERE {0}",), (TRUTH,)),
    (("SELECT k, {1} AS x FROM t WHERE {0}",), (TRUTH, ANY)),
    (
        (
            "SELECT k FROM t WHERE {0} AND {1}",
            "SELECT k FROM t WHERE IF({0}, {1}, FALSE)",
            "SELECT k FROM t WHERE IF({1}, {0}, FALSE)",
        ),
        (TRUTH, TRUTH),
    ),
    (("SELECT k FROM t WHERE {0} OR {1}",), (TRUTH, TRUTH)),
    (("SELECT DISTINCT {0} AS x FROM t",), (ANY,)),
    (("SELECT {0} AS g, COUNT(*) AS c FROM t GROUP BY g",), (ANY,)),
    (("SELECT {0} AS g, COUNT(*) AS c FROM t GROUP BY ROLLUP(g)",), (INT,)),
    (("SELECT {0} AS x FROM t",), ("agg",)),
    (("SELECT {0} AS x FROM t",), ("agg",)),
    (("SELECT {0} AS x, {1} AS y FROM t",), ("agg", "agg")),
    (("SELECT z, {0} AS x FROM t GROUP BY z",), ("agg",)),
    (("SELECT z, {0} AS x FROM t WHERE {1} GROUP BY z",), ("agg", TRUTH)),
    (("SELECT z, COUNT(*) AS c FROM t GROUP BY z HAVING {0} IS NOT NULL",), ("agg",)),
    (("SELECT z, COUNT(*) AS c FROM t GROUP BY z HAVING COUNT({0}) > 0",), (ANY,)),
    (("SELECT k, {0} AS x FROM t",), ("win",)),
    (("SELECT k, {0} AS x FROM t",), ("win",)),
    (("SELECT k FROM t QUALIFY {0} IS NOT NULL",), ("win",)),
    (("SELECT k FROM t ORDER BY {0}, k",), (INT,)),
    (
        (
            "SELECT k, {0} AS x FROM t ORDER BY k LIMIT 2",
            "SELECT k, {0} AS x FROM (SELECT * FROM t ORDER BY k LIMIT 2) AS t",
        ),
        (ANY,),
    ),
    (("SELECT k FROM t ORDER BY {0}, k LIMIT 2",), (INT,)),
    *(
        (
            (
                f"SELECT k, l FROM t {side}JOIN (SELECT k AS l FROM r) AS s ON {{0}} = l",
                f"SELECT k, l FROM t {side}JOIN (SELECT k AS l FROM r) AS s "
                "ON IF(EXISTS(SELECT 1 FROM r), {0} = l, FALSE)",
            ),
            (INT,),
        )
        for side in ("", "LEFT ")
    ),
    (
        (
            "SELECT k, l FROM t JOIN (SELECT k AS l FROM r) AS s ON k = l AND {0}",
            "SELECT k, l FROM t JOIN (SELECT k AS l FROM r) AS s ON IF(k = l, {0}, FALSE)",
            "SELECT k, l FROM t JOIN (SELECT k AS l FROM r) AS s ON IF({0}, k = l, FALSE)",
        ),
        (TRUTH,),
    ),
    (
        (
            "SELECT k, l FROM t JOIN (SELECT k AS l FROM r) AS s ON k = l WHERE {0}",
            "SELECT k, l FROM t JOIN (SELECT k AS l FROM r) AS s ON IF(k = l, {0}, FALSE)",
        ),
        (TRUTH,),
    ),
    (("SELECT k, {0} AS x FROM t LEFT JOIN (SELECT k AS l FROM r) AS s ON k = l",), (ANY,)),
    (
        ("SELECT k, x FROM t LEFT JOIN (SELECT k AS l, {0} AS x FROM r) AS s ON FALSE", "SELECT k, NULL AS x FROM t"),
        (INT,),
    ),
    (
        (
            "SELECT k, x FROM t JOIN (SELECT k AS l, {0} AS x FROM r) AS s ON k = l",
            "SELECT t.k, (SELECT {0} FROM r WHERE r.k = t.k) AS x FROM t JOIN r ON t.k = r.k",
        ),
        (INT,),
    ),
    (("WITH q AS (SELECT k, {0} AS x FROM t) SELECT k, x FROM q",), (ANY,)),
    (("WITH q AS (SELECT k, {0} AS x FROM t) SELECT k, x IS NULL AS y FROM q",), (ANY,)),
    (("WITH q AS (SELECT k, {0} AS x FROM t) SELECT COUNT(x) AS y FROM q",), (ANY,)),
    (("WITH q AS (SELECT k, {0} AS x FROM t) SELECT k, CAST(NULL AS INT64) + x AS y FROM q",), (INT,)),
    (("WITH q AS (SELECT k, {0} AS x FROM t) SELECT k, x > 5 AS y FROM q",), (INT,)),
    (("WITH q AS (SELECT k, {0} AS x FROM t) SELECT k FROM q WHERE x > 5",), (INT,)),
    (("WITH q AS (SELECT k, {0} AS x FROM t) SELECT k FROM q WHERE x IS NOT NULL",), (ANY,)),
    (("WITH q AS (SELECT k, {0} AS x FROM t) SELECT k, FALSE AND x AS y FROM q",), (TRUTH,)),
    (("WITH q AS (SELECT k, {0} AS x FROM t) SELECT a.k, b.x FROM q AS a JOIN q AS b ON a.k = b.k",), (INT,)),
    (
        (
            "WITH q AS (SELECT k, {0} AS x FROM t) SELECT k, x FROM q WHERE k > 2",
            "SELECT k, {0} AS x FROM t WHERE k > 2",
        ),
        (ANY,),
    ),
    (
        (
            "WITH q AS (SELECT k, {0} AS x FROM t) SELECT k, IF(k > 2, x, NULL) AS y FROM q",
            "SELECT k, IF(k > 2, {0}, NULL) AS y FROM t",
        ),
        (ANY,),
    ),
    (("SELECT q.st.a AS x FROM (SELECT STRUCT(k AS a, {0} AS b) AS st FROM t) AS q",), (ANY,)),
    (("SELECT q.st IS NULL AS x FROM (SELECT STRUCT(k AS a, {0} AS b) AS st FROM t) AS q",), (ANY,)),
    (("SELECT (SELECT COUNT(*) FROM UNNEST(q.l)) AS x FROM (SELECT [{0}, k] AS l FROM t) AS q",), (INT,)),
    (("SELECT k, x FROM t, UNNEST([{0}, 1]) AS x",), (INT,)),
    (("SELECT k, (SELECT {0} FROM r WHERE r.k = t.k) AS x FROM t",), (ANY,)),
    (("SELECT k, ARRAY(SELECT COALESCE({0}, 0) FROM r ORDER BY k) AS x FROM t",), (INT,)),
    (("SELECT k, EXISTS(SELECT 1 FROM r WHERE {0}) AS x FROM t",), (TRUTH,)),
    (("SELECT k FROM t WHERE EXISTS(SELECT 1 FROM r WHERE r.k = t.k AND {0})",), (TRUTH,)),
    *(
        (
            (
                f"SELECT k FROM t WHERE {{0}} {negated}IN (SELECT {{1}} FROM r)",
                f"SELECT k FROM t WHERE IF(EXISTS(SELECT 1 FROM r), {{0}} {negated}IN (SELECT {{1}} FROM r), {other})",
            ),
            (INT, INT),
        )
        for negated, other in (("", "FALSE"), ("NOT ", "TRUE"))
    ),
    (("SELECT {0} AS x FROM t UNION ALL SELECT {1} FROM r",), (INT, INT)),
    (("SELECT {0} AS x FROM t UNION DISTINCT SELECT {1} FROM r",), (TEXT, TEXT)),
    (
        ("SELECT {0} AS x FROM t INTERSECT DISTINCT SELECT {1} FROM r", "SELECT {0} AS x FROM t WHERE FALSE"),
        (INT, INT),
    ),
]
