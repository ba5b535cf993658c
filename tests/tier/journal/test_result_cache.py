"""BigQuery's own result cache: when it would have had an answer (https://cloud.google.com/bigquery/docs/cached-results)."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from bigpato_magic import googlesql
from bigpato_magic.resolved.determinism import repeatable
from bigpato_magic.tier.journal import accounting, result_cache
from bigpato_magic.tier.journal.accounting import QueryText, TableKnowledge
from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.journal.result_cache import Answer, CacheKey, ResultCache, tables_digest, text_digest
from bigpato_magic.types import (
    AnalyzedQuery,
    Column,
    Kind,
    Parameter,
    QueryResult,
    Reason,
    RunOnBigQuery,
    SqlType,
    TableFacts,
    TableId,
    TableVersion,
)

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
T, U = TableId("p", "d", "t"), TableId("p", "d", "u")
COLUMNS = (Column("v", SqlType(Kind.INT64)),)
VERSION = TableVersion("e1", NOW - timedelta(days=9), NOW - timedelta(days=9), 10, 80, "digest")
FACTS = TableFacts(T, VERSION, COLUMNS, NOW)
INT = SqlType(Kind.INT64)


@pytest.fixture
def cache(tmp_path):
    return ResultCache(Database(tmp_path), "me", most=100)


@pytest.fixture
def key():
    return CacheKey(text_digest("SELECT 1", ()), tables_digest({T: VERSION}))


# ------------------------------------------------------------------------------------------- the rule


def test_it_has_the_same_text_for_a_day(cache, key):
    assert not cache.had(key, NOW)
    cache.fill(key, NOW)
    assert cache.had(key, NOW)
    assert cache.had(key, NOW + timedelta(hours=23, minutes=59))
    assert not cache.had(key, NOW + timedelta(hours=24))


def test_who_may_not_reuse_it_pays_and_overwrites_it(cache, key):
    cache.fill(key, NOW)
    later = NOW + timedelta(hours=20)
    assert not cache.had(replace(key, reuse=False), later)
    cache.fill(replace(key, reuse=False), later)
    assert cache.had(key, later + timedelta(hours=20))


def test_a_table_that_has_changed_makes_it_void_and_the_new_answer_takes_its_place(cache, key):
    cache.fill(key, NOW)
    changed = replace(key, tables=tables_digest({T: replace(VERSION, etag="e2")}))
    assert not cache.had(changed, NOW)
    cache.fill(changed, NOW)
    assert cache.had(changed, NOW)
    assert not cache.had(key, NOW)


@pytest.mark.parametrize(
    "other",
    [
        text_digest("SELECT  @x", (Parameter("x", INT, 1),), "p"),
        text_digest("SELECT @x -- why", (Parameter("x", INT, 1),), "p"),
        text_digest("select @x", (Parameter("x", INT, 1),), "p"),
        text_digest("SELECT @x", (Parameter("x", INT, 2),), "p"),
        text_digest("SELECT @x", (Parameter("x", SqlType(Kind.FLOAT64), 1),), "p"),
        text_digest("SELECT @x", (Parameter("x", SqlType(Kind.FLOAT64), 1.0),), "p"),
        text_digest("SELECT @x", (), "p"),
        text_digest("SELECT @x", (Parameter("x", INT, 1),), "q"),
    ],
)
def test_it_wants_the_same_bytes_and_the_same_parameters_in_the_same_project(other):
    assert other != text_digest("SELECT @x", (Parameter("x", INT, 1),), "p")


def test_it_is_one_persons(tmp_path, key):
    database = Database(tmp_path)
    ResultCache(database, "me").fill(key, NOW)
    assert not ResultCache(database, "you").had(key, NOW)


@pytest.mark.parametrize(
    "facts",
    [
        replace(FACTS, streaming=True),
        replace(FACTS, row_policies=True),
        replace(FACTS, version=replace(VERSION, kind="EXTERNAL")),
    ],
)
def test_it_keeps_no_answer_over_tables_of_some_kinds(facts):
    assert result_cache.kept([FACTS], 100)
    assert not result_cache.kept([FACTS, facts], 100)


def test_it_keeps_no_answer_that_is_too_large():
    assert result_cache.kept([FACTS], 10 << 30)
    assert not result_cache.kept([FACTS], (10 << 30) + 1)


# ------------------------------------------------------------------------------------------- the history


def test_kernels_share_it_and_no_text_is_in_it(tmp_path):
    secret = CacheKey(text_digest("SELECT 'a secret'", (Parameter("x", SqlType(Kind.STRING), "another"),)), "t")
    first = ResultCache(Database(tmp_path), "me")
    first.fill(secret, NOW)
    assert first.had(secret, NOW)  # it is on the disk now
    assert ResultCache(Database(tmp_path), "me").had(secret, NOW)
    rows = sqlite3.connect(tmp_path / "tier.sqlite").execute("SELECT * FROM cached_answers").fetchall()
    assert len(rows) == 1
    assert "secret" not in str(rows)
    assert "another" not in str(rows)


def test_it_is_bounded_and_the_oldest_go_first(cache):
    for i in range(500):
        cache.fill(CacheKey(f"text {i}", "t"), NOW + timedelta(seconds=i))
    kept = [i for i in range(500) if cache.had(CacheKey(f"text {i}", "t"), NOW + timedelta(hours=1))]
    assert len(kept) <= 100
    assert kept == list(range(kept[0], 500))


def test_the_pure_rule_needs_no_journal(key):
    answer = Answer(key.tables, NOW.timestamp())
    assert answer.serves(key, NOW.timestamp() + 1)
    assert not answer.serves(replace(key, reuse=False), NOW.timestamp() + 1)


# ------------------------------------------------------------------------------------------- which queries


@pytest.fixture(scope="module")
def analyze(analyzer):
    return lambda sql: googlesql.analyze(sql, {("t",): FACTS}, ())


@pytest.mark.parametrize(
    ("sql", "same"),
    [
        ("SELECT SUM(v) FROM t WHERE v > 3", True),
        ("SELECT v, 'CURRENT_DATE()' AS s FROM t -- RAND()", True),
        ("SELECT v, DATE '2024-01-01' AS d FROM t", True),
        ("SELECT CURRENT_DATE() AS d, v FROM t", False),
        ("SELECT v FROM t WHERE CURRENT_TIMESTAMP() > '2024-01-01'", False),
        ("SELECT CURRENT_DATETIME('UTC') AS d, v FROM t", False),
        ("SELECT COUNT(*) AS n FROM t GROUP BY v HAVING CURRENT_TIME() > '10:00:00'", False),
        ("SELECT v FROM t ORDER BY RAND()", False),
        ("SELECT (SELECT MAX(GENERATE_UUID()) FROM t) AS u", False),
        ("WITH a AS (SELECT SESSION_USER() AS s, v FROM t) SELECT s, v FROM a", False),
        ("SELECT v FROM t TABLESAMPLE SYSTEM (10 PERCENT)", False),
    ],
)
def test_it_keeps_only_what_is_the_same_each_time(analyze, sql, same):
    assert repeatable(analyze(sql).tree) is same


def cloud(**more):
    decision = RunOnBigQuery("", (Reason("not-local", "t is not local yet"),))
    return QueryResult(pa.table({}), (), decision, 1.0, **more)


def test_an_answer_of_a_table_that_changed_meanwhile_is_not_reckoned(analyze):
    query = analyze("SELECT v FROM t")
    known = {T: TableKnowledge(replace(FACTS, version=replace(VERSION, modified=NOW)))}
    assert accounting.cache_key(QueryText("x"), query, cloud(), known, NOW + timedelta(seconds=1)) is not None
    assert accounting.cache_key(QueryText("x"), query, cloud(), known, NOW - timedelta(seconds=1)) is None


def test_nothing_is_reckoned_where_too_little_is_known(analyze):
    query = analyze("SELECT v FROM t")
    assert accounting.cache_key(QueryText("x"), None, cloud(), {T: TableKnowledge(FACTS)}, NOW) is None
    assert accounting.cache_key(QueryText("x"), query, cloud(), {T: TableKnowledge()}, NOW) is None
    assert accounting.cache_key(None, query, cloud(), {T: TableKnowledge(FACTS)}, NOW) is None


def test_a_use_that_it_would_have_had_counts_no_bytes():
    query = AnalyzedQuery("", None, {}, ())
    for local in (True, False):
        result = cloud(cache_hit=True)
        result = replace(result, decision=_here()) if local else result
        (use,) = accounting.uses(result, query, {T: TableKnowledge(FACTS)}, {T: 10 << 20})
        assert (use.bytes, use.local) == (0, local)


def _here():
    from bigpato_magic.types import Compiled, RunLocal

    return RunLocal("", Compiled("SELECT 1", ()), ())
