"""What kind of statement a text is, and which tables it may change."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import random

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import QueryError
from bigpato_magic.googlesql import lexer

ANY = None


@pytest.mark.parametrize(
    ("sql", "kind", "written"),
    [
        ("SELECT 1;", "SELECT", ()),
        ("FROM t |> SELECT a", "SELECT", ()),
        ("CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f(1)", "SELECT", ()),
        ("FROM ds.u |> INSERT INTO ds.t", "INSERT", (("ds", "t"),)),
        ("FROM ds.u |> TEE (|> INSERT INTO ds.t) |> SELECT a", "INSERT", (("ds", "t"),)),
        ("FROM ds.u |> CREATE TABLE ds.t", "CREATE_TABLE", (("ds", "t"),)),
        ("@{use_additional_parallelism=true} DELETE FROM t WHERE TRUE", "DELETE", ANY),
        ("SELECT 1 -- one\r; DELETE FROM t WHERE TRUE", "SCRIPT", (("t",),)),
        ("INSERT INTO `p.ds.t` (a) VALUES (1)", "INSERT", (("p.ds.t",),)),
        ("INSERT ds.t SELECT * FROM u", "INSERT", (("ds", "t"),)),
        ("UPDATE ds.t AS x SET x.a = 1 WHERE TRUE", "UPDATE", (("ds", "t"),)),
        ("DELETE FROM t WHERE TRUE", "DELETE", (("t",),)),
        ("MERGE t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", "MERGE", (("t",),)),
        ("TRUNCATE TABLE ds.t", "TRUNCATE_TABLE", (("ds", "t"),)),
        ("CREATE OR REPLACE TABLE ds.t (a INT64)", "CREATE_TABLE", (("ds", "t"),)),
        ("CREATE TABLE ds.t AS SELECT 1 AS a", "CREATE_TABLE_AS_SELECT", (("ds", "t"),)),
        ("CREATE VIEW ds.v AS SELECT 1 AS a", "CREATE_VIEW", (("ds", "v"),)),
        ("CREATE SNAPSHOT TABLE ds.s CLONE ds.t", "CREATE_SNAPSHOT_TABLE", (("ds", "s"),)),
        ("DROP TABLE IF EXISTS ds.t", "DROP_TABLE", (("ds", "t"),)),
        ("DROP VIEW v", "DROP_VIEW", (("v",),)),
        ("ALTER TABLE ds.t ADD COLUMN b INT64", "ALTER_TABLE", (("ds", "t"),)),
        ("LOAD DATA INTO ds.t FROM FILES (format = 'csv', uris = ['gs://x'])", "LOAD_DATA", (("ds", "t"),)),
        ("CREATE FUNCTION ds.f(x INT64) AS (x + 1)", "CREATE_FUNCTION", ()),
        ("EXPORT DATA OPTIONS (uri = 'gs://b/*', format = 'csv') AS SELECT 1", "EXPORT_DATA", ()),
        ("CREATE ROW ACCESS POLICY p ON ds.t GRANT TO ('user:a') FILTER USING (TRUE)", "CREATE_ROW_ACCESS_POLICY", (("ds", "t"),)),
        ("BEGIN TRANSACTION; INSERT t VALUES (1); COMMIT TRANSACTION", "SCRIPT", (("t",),)),
        ("DECLARE x INT64; IF x > 2 THEN INSERT ds.t VALUES (1); ELSE DELETE u WHERE TRUE; END IF", "SCRIPT", (("ds", "t"), ("u",))),
        ("BEGIN INSERT a.b VALUES (1); EXCEPTION WHEN ERROR THEN SELECT 1; END", "SCRIPT", (("a", "b"),)),
        ("FOR r IN (SELECT 1 AS a) DO UPDATE ds.z SET a = 1 WHERE TRUE; END FOR", "SCRIPT", (("ds", "z"),)),
        ("CREATE TEMP TABLE x AS SELECT 1 AS a; INSERT x VALUES (1); INSERT ds.y SELECT * FROM x", "SCRIPT", (("ds", "y"),)),
        ("SELECT 1; SELECT 2", "SCRIPT", ()),
        ("CALL ds.p()", "CALL", ANY),
        ("EXECUTE IMMEDIATE 'DROP TABLE t'", "EXECUTE_IMMEDIATE", ANY),
        ("DROP SCHEMA ds CASCADE", "DROP_SCHEMA", ANY),
        ("SELECT 1; CALL ds.p()", "SCRIPT", ANY),
    ],
)  # fmt: skip
def test_a_statement_tells_its_kind_and_what_it_may_change(sql, kind, written):
    assert googlesql.statement_kind(sql) == kind
    assert googlesql.written_tables(sql) == written


def test_what_cannot_be_read_has_no_kind_and_may_change_anything():
    with pytest.raises(QueryError, match="Syntax error") as caught:
        googlesql.statement_kind("INSERT INTO")
    assert caught.value.line == 1
    assert googlesql.written_tables("INSERT INTO") is None
    assert googlesql.written_tables("INSERT t VALUES " + ",".join(["(1234567890)"] * 10_000)) is None


PIECES = (
    "SELECT 1", "DELETE FROM t WHERE TRUE", "INSERT t VALUES (1)", "FROM t", "WITH a AS (SELECT 1) SELECT * FROM a",
    "CREATE TABLE u AS", "|> INSERT INTO u", "UNION ALL", "AS s", "x", "@a", "?", ",", "(", ")", ";", ";", "é", "\u00a0",
    "--", "#", "/*", "*/", "/", "*", "-", "\n", "\r", "\r\n", "\t",
    "'", '"', "`", "'''", '"""', "\\", "\\'", '\\"', "r'", 'b"',
)  # fmt: skip


def test_what_the_lexer_calls_a_query_is_one_for_the_analyzer():
    """It decides what is sent again, so it must not take one for the other whatever comments and literals say."""
    rng = random.Random(10)
    queries = others = 0
    for _ in range(4000):
        sql = rng.choice(("SELECT 1", "", "")) + rng.choice((" ", "")).join(rng.choices(PIECES, k=rng.randint(1, 7)))
        if lexer.statement_kind(sql).is_query:
            try:
                kind = googlesql.statement_kind(sql)
            except QueryError:
                continue
            assert kind == "SELECT", sql
            queries += 1
        else:
            others += 1
    assert min(queries, others) > 150
