"""What follows from a kept relation, and what does not: more that is asked of it, smaller groups, and shared expressions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bigpato_magic.resolved.substitution import substituted
from tests.resolved.test_substitution import analyzed, duck, kept, put, reads

pytestmark = pytest.mark.usefixtures("analyzer")
GROUPS = "SELECT a, s, COUNT(*) AS n, COUNTIF(b > 1) AS c, SUM(b) AS total, MIN(d) AS first FROM t GROUP BY a, s"


def left_to_bigquery(sql, copy):
    return substituted(analyzed(sql), [copy], (), None) is None


# ------------------------------------------------------------------------------------------------ groups


def with_rows(copy, many):
    """The kept relation, of so many rows."""
    return replace(copy, parts=(_Part(many),))


class _Part:
    def __init__(self, rows):
        self.rows = rows


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT a, COUNT(*) AS n FROM t GROUP BY a", {"a", "n"}),
        ("SELECT s, SUM(b) AS x, COUNTIF(b > 1) AS y FROM t GROUP BY s", {"s", "total", "c"}),
        ("SELECT MIN(d) AS x FROM t", {"first"}),
        ("SELECT COUNT(*) AS x FROM t", {"n"}),
        ("SELECT a FROM t GROUP BY a HAVING COUNT(*) > 1", {"a", "n"}),
        ("SELECT DISTINCT a FROM t", {"a"}),
        ("SELECT u.a, x.n FROM u JOIN (SELECT a, COUNT(*) AS n FROM t GROUP BY a) x ON x.a = u.a", {"a", "n"}),
        ("SELECT a, s, COUNT(*) AS n FROM t GROUP BY s, a", {"a", "s", "n"}),
        ("SELECT a, MAX(d) AS x FROM t GROUP BY a", None),
        ("SELECT a, AVG(b) AS x FROM t GROUP BY a", None),
        ("SELECT a, COUNT(DISTINCT b) AS x FROM t GROUP BY a", None),
        ("SELECT b, COUNT(*) AS n FROM t GROUP BY b", None),
        ("SELECT a, COUNT(*) AS n FROM t WHERE a > 1 GROUP BY a", None),
        ("SELECT a, COUNT(*) AS n FROM t GROUP BY ROLLUP (a)", None),
        ("SELECT a, COUNT(*) AS n FROM u GROUP BY a", None),
    ],
)
def test_smaller_groups_serve_larger_ones(sql, columns):
    copy = with_rows(kept(GROUPS), 7)
    if columns is None:
        assert left_to_bigquery(sql, copy)
    else:
        assert reads(put(sql, copy))["kept_k"] == columns
        assert duck(put(sql, copy), copy)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, SUM(f) AS x FROM t GROUP BY a",
        "SELECT a, MIN(f) AS x FROM t GROUP BY a",
        "SELECT a, AVG(b) AS x FROM t GROUP BY a",
        "SELECT a, COUNT(DISTINCT b) AS x FROM t GROUP BY a",
        "SELECT a, SUM(DISTINCT b) AS x FROM t GROUP BY a",
        "SELECT a, ANY_VALUE(b) AS x FROM t GROUP BY a",
        "SELECT a, ARRAY_AGG(b ORDER BY b) AS x FROM t GROUP BY a",
        "SELECT a, MAX(b HAVING MIN d) AS x FROM t GROUP BY a",
        "SELECT f, COUNT(*) AS n FROM t GROUP BY f",  # 0.0 and -0.0 are one group, of which value?
    ],
)
def test_what_depends_on_how_rows_are_grouped_before_is_not_put_together(sql):
    columns, by = sql.removeprefix("SELECT ").split(" FROM t ")
    smaller = f"SELECT {columns}, s FROM t {by}, s"
    copy = with_rows(kept(smaller), 7)
    assert copy.source.grouping is not None
    assert left_to_bigquery(sql, copy)


def test_a_key_that_is_grouped_by_no_more_may_be_of_any_type():
    copy = with_rows(kept("SELECT f, s, COUNT(*) AS n FROM t GROUP BY f, s"), 7)
    assert reads(put("SELECT s, COUNT(*) AS n FROM t GROUP BY s", copy)) == {"kept_k": {"n", "s"}}


def test_the_count_of_nothing_is_no_sum_of_no_counts():
    copy = with_rows(kept(GROUPS), 0)
    assert left_to_bigquery("SELECT COUNT(*) AS n FROM t", copy)
    assert reads(put("SELECT SUM(b) AS x FROM t", copy)) == {"kept_k": {"total"}}
    assert reads(put("SELECT a, COUNT(*) AS n FROM t GROUP BY a", copy)) == {"kept_k": {"a", "n"}}


@pytest.mark.parametrize(
    "sql",
    [
        f"{GROUPS} HAVING n > 1",
        f"SELECT * FROM ({GROUPS}) LIMIT 5",
        "SELECT a, COUNT(*) AS n FROM t GROUP BY ROLLUP (a)",
    ],
)
def test_groups_that_are_not_all_serve_no_larger_ones(sql):
    assert kept(sql).source.grouping is None


def test_groups_are_all_there_in_whatever_order_and_whatever_is_computed_of_them():
    plain = kept(GROUPS).source.grouping
    assert plain is not None
    assert kept(f"{GROUPS} ORDER BY n").source.grouping == plain
    assert kept(f"SELECT s, a + 1 AS x, RANK() OVER (ORDER BY n) AS r FROM ({GROUPS})").source.grouping == plain


# ------------------------------------------------------------------------------------------------ shared

FIVE = "WITH q AS (SELECT a, b FROM t LIMIT 5)"
PAIRS = "SELECT COUNT(*) AS n FROM q x JOIN q y ON x.a = y.b"


def test_what_several_places_read_of_one_expression_is_of_one_draw():
    copy = kept(f"{FIVE} {PAIRS}")
    assert reads(put(f"{FIVE} SELECT n + 1 AS m FROM ({PAIRS})", copy)) == {"kept_k": {"n"}}
    assert left_to_bigquery(f"{FIVE} SELECT n, a FROM ({PAIRS}), q", copy)
    assert left_to_bigquery(f"{FIVE} SELECT n FROM ({PAIRS}) WHERE EXISTS (SELECT 1 AS x FROM q WHERE a = n)", copy)


def test_it_is_of_one_draw_also_through_another_expression():
    both = f"{FIVE}, p AS (SELECT a FROM q WHERE b > 1)"
    copy = kept(f"{both} SELECT COUNT(*) AS n FROM p x JOIN p y ON x.a = y.a")
    whole = f"{both} SELECT n + 1 AS m FROM (SELECT COUNT(*) AS n FROM p x JOIN p y ON x.a = y.a)"
    assert reads(put(whole, copy)) == {"kept_k": {"n"}}
    assert left_to_bigquery(whole + ", q", copy)


def test_an_expression_that_is_kept_itself_is_the_same_wherever_it_is_read():
    copy = kept("SELECT a, b FROM t LIMIT 5")
    assert reads(put(f"{FIVE} {PAIRS}", copy)) == {"kept_k": {"a", "b"}}
