"""Between DuckDB's part and the evaluator's nothing changes: each query, cut wherever it can be, has one answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable, QueryError
from bigpato_magic.resolved.split import splits
from bigpato_magic.sql.lower_part import compile_lower
from bigpato_magic.sql.statement import compile_query
from bigpato_magic.types import Compiled, LocalTable, TableCopy, TableId
from tests.faithfulness import engine
from tests.faithfulness.judge import same

COLUMNS = {
    "k": "INT64",
    "i": "INT64",
    "f": "FLOAT64",
    "b": "BOOL",
    "s": "STRING",
    "y": "BYTES",
    "d": "DATE",
    "dt": "DATETIME",
    "ts": "TIMESTAMP",
    "t": "TIME",
    "n": "NUMERIC",
    "j": "JSON",
    "a": "ARRAY<INT64>",
    "st": "STRUCT<x INT64, y STRING>",
    "n2": "ARRAY<STRUCT<x NUMERIC, tags ARRAY<STRING>>>",
}
BIG = "99999999999999999999999999999.999999999"
ROWS = (
    "(1, -9223372036854775808, CAST('nan' AS FLOAT64), TRUE, '', b'', '0001-01-01', '0001-01-01 00:00:00',"
    f" '0001-01-01 00:00:00+00', '00:00:00', NUMERIC '-{BIG}', JSON '{{\"b\": [1, 2.5, null]}}',"
    f" [], (1, 'x'), {{NESTED}}[(NUMERIC '-{BIG}', ['a', '']), (NULL, [])])",
    "(2, 9223372036854775807, -0.0, FALSE, 'Grüße 鸭🦆', b'\\xff\\x00', '9999-12-31', '9999-12-31 23:59:59.999999',"
    f" '9999-12-31 23:59:59.999999+00', '23:59:59.999999', NUMERIC '{BIG}', JSON 'null',"
    " [1, -1], (NULL, NULL), [])",
    f"({', '.join(['3', *['NULL'] * 11, '[]', 'NULL', '[]'])})",
    "(4, 0, CAST('-inf' AS FLOAT64), NULL, 'a\\u0000b', b'a', '1969-12-31', '1969-12-31 23:59:59.000001',"
    " '1969-12-31 23:59:59.000001+00', '12:00:00.5', NUMERIC '0.000000001', JSON '\"é\"',"
    " [0], (0, ''), {NESTED}[(NULL, []), (NUMERIC '0.1', ['ü'])])",
    "(5, 7, 5e-324, TRUE, 'x', b'x', '2024-02-29', '2024-02-29 01:02:03', '2024-02-29 01:02:03+00', '01:02:03',"
    " 1.5, JSON '[9007199254740993, -0.5e-7]', [3, 2], (5, 'five'), {NESTED}[(2, ['b'])])",
)
# In each the last row of the whole is told by an ORDER BY that leaves nothing open, or rows are told apart by k.
QUERIES = (
    *(f"SELECT k, {column} FROM t ORDER BY k" for column in COLUMNS if column != "k"),
    "SELECT * FROM t ORDER BY k",
    "SELECT k, STRUCT(a AS a, st AS st) AS s, [n, 1] AS ns FROM t WHERE n IS NOT NULL ORDER BY k",
    # NULL arrays, and NULLs in arrays, are there inside a query and not in a result.
    "SELECT k, x IS NULL AS missing, ARRAY_LENGTH(x) AS n FROM (SELECT k, IF(k < 3, NULL, [k, NULL]) AS x FROM t)",
    "SELECT k, x[OFFSET(1)] IS NULL AS gone, ARRAY(SELECT IFNULL(e, 0) FROM UNNEST(x) AS e WITH OFFSET AS o ORDER BY o)"
    " AS e FROM (SELECT k, [f, NULL] AS x FROM t)",
    "SELECT k, y.p IS NULL AS no_p, ARRAY_LENGTH(y.q) AS q FROM (SELECT k, STRUCT(IF(k = 1, NULL, a) AS p, [i] AS q) AS y"
    " FROM t)",
    "SELECT k, x, FORMAT('%T', x) AS shown FROM (SELECT k, [STRUCT(ts, dt, d, t AS clock, y, b, j, n)] AS x FROM t)",
    # No column of a copy is BIGNUMERIC, but what is computed may be.
    "SELECT k, x / 7 AS x, y, FORMAT('%T', y) AS t FROM (SELECT k, CAST(n AS BIGNUMERIC) * BIGNUMERIC '1e8' AS x,"
    " [STRUCT(CAST(n AS BIGNUMERIC) / 3 AS z)] AS y FROM t)",
    # STRUCTs without names, and with one name twice.
    "SELECT k, FORMAT('%T', x) AS x FROM (SELECT k, (i, s, (d, n)) AS x FROM t)",
    "SELECT k, FORMAT('%T', x) AS x FROM (SELECT k, STRUCT(i AS a, s AS a) AS x FROM t)",
    # The zeros, NaN and infinities.
    "SELECT k, CAST(x AS STRING) AS x, IEEE_DIVIDE(1, x) AS inverse FROM (SELECT k, f AS x FROM t)",
    "SELECT k, FORMAT('%T', x) AS x FROM (SELECT k, [f, -f] AS x FROM t)",
    # Each clause above and below.
    "SELECT b, COUNT(*) AS n, MAX(s) AS s, MIN(ts) AS ts, SUM(n) AS total FROM t WHERE k > 1 GROUP BY b HAVING n > 0"
    " ORDER BY b",
    "SELECT b, ARRAY_AGG(STRUCT(k, d) ORDER BY k DESC LIMIT 2) AS x FROM t GROUP BY b",
    "SELECT DISTINCT b, i > 0 AS positive FROM t",
    "SELECT k, SUM(k) OVER (ORDER BY k) AS so_far, LAG(s) OVER (ORDER BY k) AS last FROM t QUALIFY so_far > 1 ORDER BY k",
    "SELECT k, e, o FROM t, UNNEST(a) AS e WITH OFFSET AS o ORDER BY k, o",
    "SELECT k, e FROM t LEFT JOIN UNNEST(a) AS e ON e > 0 ORDER BY k, e",
    "SELECT k, s FROM t ORDER BY f DESC, k LIMIT 3 OFFSET 1",
    "SELECT k, n FROM t ORDER BY n NULLS LAST, k LIMIT 4",
    "SELECT UPPER(s) AS s FROM (SELECT s FROM t ORDER BY k LIMIT 2)",
    # A LIMIT, with an order and without.
    "SELECT REVERSE(s) AS s, n, f FROM t ORDER BY k DESC LIMIT 3 OFFSET 1",
    "SELECT REVERSE(s) AS s FROM (SELECT s, k + 1 AS next FROM t) ORDER BY next LIMIT 2",
    "SELECT k, REVERSE(s) AS r FROM t ORDER BY r, k LIMIT 3",
    "SELECT s || 'x' AS s FROM (SELECT UPPER(s) AS s FROM t LIMIT 5) LIMIT 7",
    "SELECT k, SUM(k) OVER (ORDER BY k) AS so_far FROM t ORDER BY k LIMIT 3",
    "WITH w AS (SELECT b, MAX(CAST(n AS BIGNUMERIC)) AS m FROM t GROUP BY b)"
    " SELECT b, m / 3 AS m FROM w WHERE m IS NOT NULL ORDER BY b",
    # A table expression that is used once is cut as well, through several names.
    "WITH w AS (SELECT b, SUM(k) AS m FROM t GROUP BY b HAVING m > 0), v AS (SELECT m + 1 AS m, b AS c FROM w)"
    " SELECT c, m * 2 AS m FROM v ORDER BY m DESC LIMIT 2",
    "WITH w AS (SELECT k, s FROM t), v AS (SELECT k + 1 AS k FROM w WHERE k > 1), unused AS (SELECT 1 AS x)"
    " SELECT REVERSE(w.s) AS s, k FROM v JOIN w USING (k) ORDER BY k",
    "WITH w AS (SELECT k, k AS again, s FROM t ORDER BY k DESC) SELECT k + again AS x, UPPER(s) AS s FROM w WHERE k > 2",
    "WITH w AS (WITH v AS (SELECT k FROM t) SELECT k * 2 AS k FROM v) SELECT k + 1 AS k FROM w ORDER BY k",
    "WITH w AS (SELECT k, n FROM t), v AS (SELECT * FROM w WHERE k > 1) SELECT v.k + w.k AS k, v.n FROM v JOIN w"
    " ON v.k = w.k + 1 ORDER BY 1",
    "SELECT k, (SELECT MAX(x.tags[SAFE_OFFSET(0)]) FROM UNNEST(n2) AS x) AS tag FROM t ORDER BY k",
    "SELECT x + 1 AS x FROM (SELECT k AS x FROM t UNION ALL SELECT i FROM t WHERE k > 3) WHERE x < 9 ORDER BY x",
    "SELECT IF(SUM(k) > 3, SUM(i), 0) AS x, b FROM t WHERE k > 3 GROUP BY b ORDER BY b",
    "SELECT 7 AS seven FROM t WHERE k < 4",
    "SELECT k FROM t WHERE FALSE",
    "SELECT b, COUNT(*) AS n FROM t GROUP BY ROLLUP (b) ORDER BY n, b",
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """As the analyzer, the evaluator and DuckDB have it."""

    described: engine.Described
    held: object
    copy: TableCopy

    @property
    def local(self):
        return {self.copy.table: LocalTable(self.copy.relation, self.copy.columns, self.copy.stats)}


@cache
def table() -> Table:
    engine.ready()
    fields = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    rows = ", ".join(f"STRUCT<{fields}>{row}".replace("{NESTED}", COLUMNS["n2"]) for row in ROWS)
    sql = f"SELECT * FROM UNNEST([{rows}])"
    held = googlesql.evaluate(sql)
    columns = tuple(engine.Column(o.name, o.type) for o in googlesql.analyze(sql).outputs)
    described = engine.Described(TableId(engine.PROJECT, "ds", "t"), columns)
    return Table(described, held, engine.publish(described, held))


def answers(sql):
    """What each cut of a query that can be used gives."""
    query = googlesql.analyze(sql, {("t",): table().described})
    for split in splits(query):
        lower = compile_query(split.lower, table().local, frozenset(), inner=True)
        if not isinstance(lower, Compiled) or split.refusal is not None:
            continue
        try:
            rest = googlesql.prepare_upper(split, query.outputs, most=1000)
        except (AnalyzerUnavailable, QueryError):  # not every resolved query has a text: IF(SUM(x) > 3, …)
            continue
        yield googlesql.evaluate_upper(rest, engine.local_engine().execute(lower, [table().copy]))


@pytest.mark.parametrize("sql", QUERIES)
def test_wherever_it_is_cut_the_answer_is_the_whole_ones(sql):
    whole = googlesql.evaluate(sql, {("t",): (table().described, table().held)})
    compiled = list(answers(sql))
    assert compiled
    for answer in compiled:
        assert answer.schema.equals(whole.schema, check_metadata=True)
        assert same(answer, whole, ordered=sql.rpartition(")")[2].count("ORDER BY") > 0)


def test_most_of_a_query_is_left_to_duckdb():
    sql = "SELECT k, RANGE(DATE_FROM_UNIX_DATE(k), NULL) = RANGE(NULL, DATE_FROM_UNIX_DATE(k)) AS x FROM t WHERE k > 1 ORDER BY k"
    query = googlesql.analyze(sql, {("t",): table().described})
    compiled = compile_lower(query, table().local, {table().copy.table: 5}, most=4)
    assert "WHERE" in compiled.lower.sql
    assert compiled.lower.sql.endswith("LIMIT 5) ORDER BY ALL")
    assert [column.name for column in compiled.lower.outputs] == ["c1"]
    assert (
        compile_lower(query, table().local, {table().copy.table: 5}, most=4, quarantined=frozenset({"split"})) is None
    )
