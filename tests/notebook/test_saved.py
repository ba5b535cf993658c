"""Saved queries become common table expressions, in an order that works."""

from __future__ import annotations

import pytest

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.notebook.saved import SavedQueries


@pytest.fixture
def saved():
    queries = SavedQueries()
    queries.save("orders_ee", "SELECT * FROM orders WHERE country = 'EE' -- only these;")
    queries.save("by_day", "SELECT day, COUNT(*) AS n FROM orders_ee GROUP BY day;", ["orders_ee"])
    return queries


def squeezed(sql):
    return " ".join(sql.split())


def test_what_a_query_is_built_on_comes_first(saved):
    sql = saved.compose("SELECT MAX(n) FROM by_day", ["by_day"])
    assert sql.index("orders_ee AS (") < sql.index("by_day AS (") < sql.index("SELECT MAX(n)")
    assert sql.count("orders_ee AS (") == 1


@pytest.mark.parametrize("end", [";", " ; -- done", "; /* so; */ "])
def test_a_semicolon_at_the_end_is_left_out(end):
    queries = SavedQueries()
    queries.save("a", f"SELECT ';' AS x{end}")
    text = queries.compose("SELECT 1", ["a"])
    assert "SELECT ';' AS x" in text
    assert "x;" not in squeezed(text)
    assert "x ;" not in squeezed(text)


def test_a_comment_at_the_end_does_not_swallow_the_bracket(saved):
    assert "-- only these;\n)" in saved.compose("SELECT 1", ["orders_ee"])


@pytest.mark.parametrize(
    ("sql", "begins"),
    [
        ("WITH x AS (SELECT 1) SELECT * FROM x", "WITH a AS ( SELECT 1 ), x AS (SELECT 1)"),
        ("/* why */ with recursive x AS (SELECT 1) SELECT 2", "WITH recursive a AS ( SELECT 1 ), x AS"),
        ("/* banner */\n" * 500 + "WITH x AS (SELECT 1) SELECT 2", "WITH a AS ( SELECT 1 ), x AS"),
        ("/* banner */\n" * 500 + "SELECT 2", "WITH a AS ( SELECT 1 ) /* banner */"),
        ("-- WITH\r WITH x AS (SELECT 1) SELECT 2", "WITH a AS ( SELECT 1 ), x AS"),
        ("CREATE TABLE t (x INT64) AS SELECT 2", "CREATE TABLE t (x INT64) AS WITH a AS ( SELECT 1 ) SELECT 2"),
        ("CREATE VIEW v AS WITH x AS (SELECT 1) SELECT 2", "CREATE VIEW v AS WITH a AS ( SELECT 1 ), x AS"),
        ("INSERT INTO t (x) SELECT 2", "INSERT INTO t (x) WITH a AS ( SELECT 1 ) SELECT 2"),
        ("INSERT INTO t (SELECT 2)", "INSERT INTO t WITH a AS ( SELECT 1 ) (SELECT 2)"),
        ("EXPORT DATA OPTIONS (uri='x') AS FROM t", "EXPORT DATA OPTIONS (uri='x') AS WITH a AS ( SELECT 1 ) FROM t"),
        (
            "INSERT INTO t (`select`) -- VALUES\nFROM u",
            "INSERT INTO t (`select`) -- VALUES WITH a AS ( SELECT 1 ) FROM u",
        ),
    ],
)
def test_a_query_with_expressions_of_its_own_keeps_them(sql, begins):
    queries = SavedQueries()
    queries.save("a", "SELECT 1")
    assert squeezed(queries.compose(sql, ["a"])).startswith(begins)


@pytest.mark.parametrize(
    "sql",
    [
        "WITHDRAW",
        "INSERT INTO t (x) VALUES ((SELECT 1))",
        "UPDATE t SET x = (SELECT 1) WHERE TRUE",
        "CREATE TABLE t (x INT64)",
        "MERGE t USING (SELECT 1 AS x) AS u ON FALSE WHEN NOT MATCHED THEN INSERT ROW",
        "SELECT 1; SELECT 2",
    ],
)
def test_a_statement_without_one_query_of_its_own_is_told(sql):
    queries = SavedQueries()
    queries.save("a", "SELECT 1")
    with pytest.raises(ConfigurationError, match="no one query"):
        queries.compose(sql, ["a"])


def test_a_name_that_is_a_keyword_is_quoted():
    queries = SavedQueries()
    queries.save("select", "SELECT 1 AS a")
    assert queries.compose("SELECT a FROM `select`", ["select"]).startswith("WITH `select` AS (")


def test_nothing_saved_nothing_changed(saved):
    assert saved.compose("SELECT 1", []) == "SELECT 1"


def test_an_unknown_name_is_told(saved):
    with pytest.raises(ConfigurationError, match="no such saved query") as caught:
        saved.compose("SELECT 1", ["nobody"])
    assert "orders_ee" in caught.value.hint


def test_a_query_is_not_built_on_itself(saved):
    with pytest.raises(ConfigurationError, match="built on itself"):
        saved.save("orders_ee", "SELECT * FROM by_day", ["by_day"])


def test_a_name_is_a_word(saved):
    with pytest.raises(ConfigurationError, match="is a word"):
        saved.save("a b); DROP", "SELECT 1")
