"""Raw text is read as BigQuery's lexer reads it, also when it is half-written."""

from __future__ import annotations

import pytest

from bigpato_magic.googlesql import lexer


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", "SELECT"),
        ("  -- a comment; with a semicolon\n/* another */ (select 1);", "SELECT"),
        ("FROM t |> WHERE x", "SELECT"),
        ("WITH t AS (SELECT 1) SELECT * FROM t", "SELECT"),
        ('SELECT \'a;b\', """c;d""", r\'\\\', `e;f`', "SELECT"),
        ("SELECT 1 -- one\r; DELETE FROM t WHERE TRUE", "SCRIPT"),
        ("/* a */ INSERT INTO t /* b */ SELECT 1", "INSERT"),
        ("/* a */ DELETE FROM t WHERE TRUE; /* b */ SELECT 1", "SCRIPT"),
        ("FROM t |> WHERE x |> INSERT INTO u", "INSERT"),
        ("FROM t |> -- now\n EXPORT DATA OPTIONS (uri = 'x')", "EXPORT"),
        ("SELECT '|> INSERT' |> a, `|> INSERT`", "SELECT"),
        ("INSERT INTO t SELECT 1", "INSERT"),
        ("CREATE OR REPLACE TEMP TABLE t AS SELECT 1", "CREATE TABLE"),
        ("create materialized view v as select 1", "CREATE MATERIALIZED VIEW"),
        ("DECLARE x INT64; SELECT x", "SCRIPT"),
        ("BEGIN SELECT 1; END", "SCRIPT"),
        ("", "UNKNOWN"),
        ("-- nothing", "UNKNOWN"),
    ],
)
def test_a_statement_has_a_kind(sql, kind):
    found = lexer.statement_kind(sql)
    assert str(found) == kind
    assert found.is_query is (kind == "SELECT")


def test_parameters_are_found_outside_of_strings_comments_and_system_variables():
    sql = "SELECT @a, '@b', -- @c\n @@time_zone, `@d`, @A, @`e f`, r'\\d' || @g /* @h */ FROM t WHERE x = @i_1"
    assert lexer.parameter_names(sql) == ("a", "e f", "g", "i_1")


def test_strings_and_comments_are_blanked_in_place():
    sql = "SELECT 'it''s' AS a, -- hm\n b'x\\'y' # end"
    blank = lexer.outside(sql)
    assert len(blank) == len(sql)
    assert "\n" in blank
    assert blank.split() == ["SELECT", "AS", "a,"]


def test_a_string_that_is_not_closed_ends_with_its_line():
    assert lexer.parameter_names("SELECT 'abc\n, @x") == ("x",)
