"""What kind of statement a text is, and which tables it may change."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import QueryError

ANY = None


@pytest.mark.parametrize(
    ("sql", "kind", "written"),
    [
        ("SELECT 1;", "SELECT", ()),
        ("FROM t |> SELECT a", "SELECT", ()),
        ("CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f(1)", "SELECT", ()),
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
