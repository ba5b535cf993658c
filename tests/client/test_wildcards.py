"""A query over a wildcard table is answered here, once the tables that it needs are: all rules of BigQuery's page hold."""

from __future__ import annotations

import pytest

from bigpato_magic.errors import QueryError, RouteRefused, TableNotFound
from bigpato_magic.types import Kind, Parameter, RunLocal, RunOnBigQuery, SqlType

DAYS = ("20240101", "20240102", "20240103", "20240201")
ALL = "SELECT _TABLE_SUFFIX AS day, id, event FROM `samples.ga_*` ORDER BY day, id"
JANUARY = "SELECT COUNT(*) AS n, MIN(id) AS least FROM `ga_*` WHERE _TABLE_SUFFIX BETWEEN '20240101' AND '20240131'"


@pytest.fixture(autouse=True)
def shards(analyzer, warehouse):
    for number, day in enumerate(DAYS):
        warehouse.execute(f"CREATE TABLE samples.ga_{day} AS SELECT {number} AS id, 'e{day}' AS event")
    warehouse.execute("CREATE TABLE samples.ga AS SELECT 1 AS nothing_of_it")


def names(copies):
    return sorted(copy.table.table for copy in copies)


def of_both(client, sql, **how):
    here, there = client.run(sql, route="local", **how), client.run(sql, route="bigquery", **how)
    assert here.arrow == there.arrow
    assert here.outputs == there.outputs
    return here


@pytest.mark.parametrize(
    "sql",
    [
        ALL,
        "SELECT * FROM `samples.ga_*` ORDER BY id",
        "SELECT _TABLE_SUFFIX, * FROM `samples.ga_*` ORDER BY id",
        "SELECT _TABLE_SUFFIX, COUNT(*) AS n FROM `samples.ga_*` GROUP BY 1 ORDER BY 1",
        "SELECT id, _TABLE_SUFFIX AS day FROM `samples.ga_*` WHERE _TABLE_SUFFIX = '20240102' ORDER BY day, id",
        "SELECT _TABLE_SUFFIX AS day, SUM(id) AS s FROM `samples.ga_*` WHERE _TABLE_SUFFIX = '20240102' GROUP BY day",
        "SELECT * FROM `bigpato-demo.samples.ga_*` ORDER BY id",
        "SELECT event FROM `ga_202401*` WHERE _TABLE_SUFFIX > '01' ORDER BY event",
        "SELECT SUBSTR(_TABLE_SUFFIX, 1, 6) AS month, COUNT(*) AS n FROM `ga_*` GROUP BY month ORDER BY month",
        "SELECT a._TABLE_SUFFIX AS a, b.id FROM `ga_*` a JOIN `ga_*` b ON a.id < b.id AND a._table_suffix < b._table_suffix"
        " ORDER BY a, b.id",
        "WITH e AS (SELECT *, _TABLE_SUFFIX AS s FROM `ga_*`) SELECT id FROM e WHERE s IN ('20240102', 'no') ORDER BY id",
        "SELECT id FROM ga_20240101 UNION ALL SELECT id FROM `ga_*` WHERE _TABLE_SUFFIX = '20240201' ORDER BY id",
        "SELECT COUNT(*) AS n FROM `ga_*` WHERE _TABLE_SUFFIX = 'none of them'",
        "SELECT (SELECT MAX(id) FROM `ga_*`) AS most, id FROM ga_20240101",
    ],
)
def test_its_answer_is_bigquerys(client, sql):
    client.promote("ga_*")
    assert isinstance(of_both(client, sql).decision, RunLocal)


def test_it_needs_only_the_tables_that_its_suffixes_leave(client):
    client.promote("ga_202401*")
    found = of_both(client, JANUARY)
    assert names(found.decision.copies) == ["ga_20240101", "ga_20240102", "ga_20240103"]
    assert client.run(JANUARY.replace("'20240131'", "'20240201'")).decision.reasons[0].message == (
        "1 of 4 tables behind ga_* is not local yet (ga_20240201)"
    )


@pytest.mark.parametrize(
    ("filter_", "read"),
    [
        ("_TABLE_SUFFIX = '20240102'", ["20240102"]),
        ("'20240102' <= _TABLE_SUFFIX", ["20240102", "20240103", "20240201"]),
        ("_TABLE_SUFFIX IN ('20240101', '20240201')", ["20240101", "20240201"]),
        ("_TABLE_SUFFIX IN UNNEST(['20240101', '20240201'])", ["20240101", "20240201"]),
        ("_TABLE_SUFFIX LIKE '202401%'", ["20240101", "20240102", "20240103"]),
        ("STARTS_WITH(_TABLE_SUFFIX, '202402')", ["20240201"]),
        ("REGEXP_CONTAINS(_TABLE_SUFFIX, r'^2024\\d{2}01$')", ["20240101", "20240201"]),
        ("NOT STARTS_WITH(_TABLE_SUFFIX, '202401')", ["20240201"]),
        ("SUBSTR(_TABLE_SUFFIX, 5) = '0102'", ["20240102"]),
        ("CAST(_TABLE_SUFFIX AS INT64) > 20240102", ["20240103", "20240201"]),
        ("PARSE_DATE('%Y%m%d', _TABLE_SUFFIX) BETWEEN '2024-01-02' AND '2024-01-31'", ["20240102", "20240103"]),
        ("_TABLE_SUFFIX = FORMAT_DATE('%Y%m%d', DATE_SUB(DATE '2024-02-02', INTERVAL 1 DAY))", ["20240201"]),
        ("_TABLE_SUFFIX = SAFE.FORMAT_DATE('%Y%m%d', DATE '2024-02-01')", ["20240201"]),
        ("(_TABLE_SUFFIX = '20240101' OR id = 3) AND _TABLE_SUFFIX < '20240103'", ["20240101", "20240102"]),
        ("CONCAT('ga_', _TABLE_SUFFIX) = 'ga_20240103'", ["20240103"]),
        ("RIGHT(_TABLE_SUFFIX, 2) = LEFT('01x', 2)", ["20240101", "20240201"]),
        ("_TABLE_SUFFIX > event", list(DAYS)),
        ("id = 0", list(DAYS)),
        ("_TABLE_SUFFIX = (SELECT MAX(_TABLE_SUFFIX) FROM `ga_*`)", list(DAYS)),
    ],
)
def test_filters_by_constants_leave_tables_out(client, filter_, read):
    client.promote("ga_*")
    found = of_both(client, f"SELECT id FROM `ga_*` WHERE {filter_} ORDER BY id")
    assert names(found.decision.copies) == [f"ga_{day}" for day in read]


def test_parameters_are_constants(client):
    client.promote("ga_*")
    day = Parameter("day", SqlType(Kind.STRING), "20240102")
    found = of_both(client, "SELECT id FROM `ga_*` WHERE _TABLE_SUFFIX >= @day ORDER BY id", params=[day])
    assert names(found.decision.copies) == ["ga_20240102", "ga_20240103", "ga_20240201"]


def test_today_is_a_constant(client, warehouse):
    warehouse.execute(f"CREATE TABLE samples.ga_{warehouse.now():%Y%m%d} AS SELECT 9 AS id, 'now' AS event")
    client.promote("ga_*")
    recent = (
        "SELECT id FROM `ga_*` WHERE _TABLE_SUFFIX >= FORMAT_DATE('%Y%m%d', DATE_SUB(CURRENT_DATE(), INTERVAL 3 DAY))"
    )
    found = of_both(client, recent)
    assert names(found.decision.copies) == [f"ga_{warehouse.now():%Y%m%d}"]
    assert found.arrow.to_pylist() == [{"id": 9}]


def test_a_new_table_is_brought_alone(client, warehouse):
    client.promote("ga_*")
    assert client.run(ALL).decision.where == "local"
    warehouse.execute("CREATE TABLE samples.ga_20240202 AS SELECT 9 AS id, 'new' AS event")
    routed = client.run(ALL)
    assert isinstance(routed.decision, RunOnBigQuery)
    assert [row["id"] for row in routed.arrow.to_pylist()] == [0, 1, 2, 3, 9]
    assert client.run(JANUARY).decision.where == "local"
    plan = client.rebalance(["ga_*"])
    assert [step.facts.id.table for step in plan.promote] == ["ga_20240202"]
    assert of_both(client, ALL).arrow.num_rows == 5


def test_what_is_used_is_what_a_rebalance_brings(client):
    for _ in range(3):
        client.run(JANUARY.replace("COUNT(*)", "SUM(id)"))
    brought = [step.facts.id.table for step in client.rebalance().promote]
    assert brought == ["ga_20240101", "ga_20240102", "ga_20240103"]


def test_one_late_table_goes_to_bigquery_until_it_is_refreshed(client, warehouse):
    client.promote("ga_*")
    warehouse.execute("INSERT INTO samples.ga_20240102 VALUES (7, 'late')")
    routed = client.run(ALL)
    assert [reason.code for reason in routed.decision.reasons] == ["stale"]
    assert routed.arrow.num_rows == 5
    assert client.run("SELECT id FROM `ga_*` WHERE _TABLE_SUFFIX = '20240101'").decision.where == "local"
    assert [step.copy.table.table for step in client.refresh("ga_*").refresh] == ["ga_20240102"]
    assert of_both(client, ALL).arrow.num_rows == 5


def test_the_newest_tables_schema_is_the_wildcards(client, warehouse):
    warehouse.execute("CREATE TABLE samples.ga_20230101 AS SELECT 'first' AS event, 1.5 AS price, 9 AS id")
    client.promote("ga_*")
    found = of_both(client, "SELECT * FROM `ga_*` WHERE _TABLE_SUFFIX < '20240102' ORDER BY id")
    assert found.arrow.to_pylist() == [
        {"event": "e20240101", "price": None, "id": 0},
        {"event": "first", "price": 1.5, "id": 9},
    ]


def test_a_column_that_the_newest_table_lacks_is_not_there(client, warehouse):
    warehouse.execute("CREATE TABLE samples.ga_20240202 AS SELECT 9 AS id")
    client.promote("ga_*")
    with pytest.raises(QueryError, match="event"):
        client.run("SELECT event FROM `ga_*` WHERE _TABLE_SUFFIX = '20240101'")


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("CREATE TABLE samples.ga_9 AS SELECT 'x' AS id, 'y' AS event", "Cannot read field of type"),
        ("CREATE VIEW samples.ga_9 AS SELECT 1 AS id, 'y' AS event", "Views cannot be queried through prefix"),
    ],
)
def test_what_does_not_fit_is_bigquerys_error_wherever_it_is(client, warehouse, statement, error):
    client.promote("ga_*")
    assert client.run(JANUARY).decision.where == "local"
    warehouse.execute(statement)
    with pytest.raises(QueryError, match=error):
        client.run(JANUARY)
    with pytest.raises(RouteRefused):
        client.run(JANUARY, route="local")
    warehouse.execute(f"DROP {statement.split()[1]} samples.ga_9")
    assert client.run(JANUARY).decision.where == "local"


def test_a_table_that_is_gone_is_not_read(client, warehouse):
    client.promote("ga_*")
    assert of_both(client, ALL).arrow.num_rows == 4
    warehouse.execute("DROP TABLE samples.ga_20240102")
    assert of_both(client, ALL).arrow.num_rows == 3


def test_a_table_that_was_made_anew_is_another(client, warehouse):
    client.promote("ga_*")
    warehouse.execute("CREATE OR REPLACE TABLE samples.ga_20240102 AS SELECT 'text' AS id, 'y' AS event")
    with pytest.raises(QueryError, match="Cannot read field"):
        client.run("SELECT id FROM `ga_*` WHERE _TABLE_SUFFIX = '20240101'")


def test_a_schema_that_this_machine_changes_is_looked_at_again(client, warehouse):
    client.promote("ga_*")
    assert client.run(JANUARY, max_staleness=600).decision.where == "local"
    client.run("CREATE OR REPLACE TABLE samples.ga_20240201 AS SELECT 'text' AS id, 'y' AS event")
    with pytest.raises(QueryError, match="Cannot read field"):
        client.run(JANUARY, max_staleness=600)


def test_names_that_only_begin_alike_are_among_them(client, warehouse):
    warehouse.execute("CREATE TABLE samples.ga_fresh_20240101 AS SELECT 5 AS id, 'fresh' AS event")
    client.promote("ga_*")
    assert [row["day"] for row in of_both(client, ALL).arrow.to_pylist()] == [*DAYS, "fresh_20240101"]
    assert of_both(client, JANUARY).arrow.to_pylist() == [{"n": 3, "least": 0}]


def test_where_names_differ_only_in_case_bigquery_is_asked(client, warehouse):
    """Whether case counts is the dataset's to say, and no list of its tables does."""
    client.promote("ga_*")
    assert client.run(JANUARY).decision.where == "local"
    warehouse.execute("CREATE TABLE samples.GA_20240104 AS SELECT 9 AS id, 'e' AS event")
    decision = client.run(JANUARY).decision
    assert isinstance(decision, RunOnBigQuery)
    assert (
        decision.reasons[0].message == "only BigQuery knows whether case counts in samples: GA_20240104 is there, too"
    )


def test_an_array_that_a_table_lacks_is_bigquerys(client, warehouse):
    warehouse.execute("CREATE TABLE samples.ga_20240202 AS SELECT 9 AS id, 'e' AS event, [1, 2] AS items")
    client.promote("ga_*")
    with pytest.raises(RouteRefused, match="ga_20240101 has no items"):
        client.run("SELECT items FROM `ga_*`", route="local")
    with pytest.raises(RouteRefused, match="ga_20240101 has no items"):
        client.run("SELECT * FROM `ga_*`", route="local")
    assert of_both(client, "SELECT items FROM `ga_*` WHERE _TABLE_SUFFIX = '20240202'").arrow.num_rows == 1
    assert of_both(client, ALL).arrow.num_rows == 5


def test_partitions_by_ingestion_are_told_of_each_table(client, warehouse):
    for number in (1, 2):
        warehouse.execute(f"CREATE TABLE samples.in_{number} (id INT64) PARTITION BY _PARTITIONDATE")
        warehouse.execute(
            f"INSERT INTO samples.in_{number} (_PARTITIONTIME, id) VALUES ('2024-01-0{number}', {number})"
        )
    client.promote("in_*")
    sql = "SELECT _PARTITIONTIME AS came, _TABLE_SUFFIX AS s, id FROM `in_*` WHERE {} ORDER BY id"
    assert of_both(client, sql.format("TRUE")).arrow.num_rows == 2
    assert of_both(client, sql.format("_PARTITIONTIME >= '2024-01-02'")).arrow.num_rows == 1
    assert of_both(client, sql.format("_TABLE_SUFFIX = '1'")).arrow.num_rows == 1
    assert of_both(client, "SELECT * FROM `in_*` ORDER BY id").arrow.to_pylist() == [{"id": 1}, {"id": 2}]


def test_row_policies_of_any_table_are_bigquerys(client, warehouse):
    client.promote("ga_*")
    warehouse.add_row_policy("samples.ga_20240201", "id > 1", ["pato@example.com"])
    with pytest.raises(RouteRefused, match="ga_20240201, which ga_\\* matches, has row-level security"):
        client.run(JANUARY, route="local")


def test_a_wildcard_that_matches_nothing_is_bigquerys_error(client):
    with pytest.raises(QueryError, match="does not match any table"):
        client.run("SELECT * FROM `nothing_like_it_*`")
    with pytest.raises(TableNotFound, match="does not match any table"):
        client.rebalance("nothing_like_it_*")


def test_the_past_of_a_wildcard_is_bigquerys(client):
    client.promote("ga_*")
    past = "SELECT id FROM `ga_*` FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()"
    with pytest.raises(RouteRefused, match="which tables a wildcard matched"):
        client.run(past, route="local")


def test_a_frozen_client_has_no_answer(client):
    client.promote("ga_*")
    client.freeze("now")
    with pytest.raises(RouteRefused, match="does not tell which tables ga_\\* stood for then"):
        client.run(ALL)


def test_pins_by_wildcard(client):
    client.pin("ga_202401*")
    assert sorted(table.table for table in client.tier.preferences.pinned()) == [f"ga_{day}" for day in DAYS[:3]]
    client.unpin("ga_2024010*")
    assert [table.table for table in client.tier.preferences.pinned()] == []


def test_shadow_verification_agrees(client):
    client.promote("ga_*")
    assert client.run(JANUARY, route="local").decision.where == "local"
    assert client.verify_last().outcome == "equal"


def test_many_unknown_tables_keep_no_query_waiting(client, monkeypatch):
    from bigpato_magic.runner import wildcards

    monkeypatch.setattr(wildcards, "AT_ONCE", 3)
    first, second = client.run(ALL), client.run(ALL)
    assert [str(r) for r in first.decision.reasons] == ["4 tables behind ga_* are not known here yet"]
    assert [str(r) for r in second.decision.reasons] == [
        "4 of 4 tables behind ga_* are not local yet (ga_20240101 … ga_20240201)"
    ]
    assert first.arrow == second.arrow
    assert len(client.rebalance(["ga_*"]).promote) == 4
    assert client.run(ALL).decision.where == "local"


def test_one_list_and_a_check_of_each_table_that_is_read_is_all_that_is_asked(client, warehouse, monkeypatch):
    client.promote("ga_*")
    client.run(JANUARY)
    asked = []
    listed, facts = warehouse.listed, warehouse.facts
    monkeypatch.setattr(warehouse, "listed", lambda *home: asked.append("list") or listed(*home))
    monkeypatch.setattr(warehouse, "facts", lambda tables: asked.extend(t.table for t in tables) or facts(tables))
    client.run(JANUARY)
    assert sorted(asked) == ["ga_20240101", "ga_20240102", "ga_20240103", "ga_20240201", "list"]
    asked.clear()
    client.run(JANUARY, max_staleness=600)
    assert asked == []


def test_each_repetition_counts_as_not_billed(client):
    client.promote("ga_*")
    assert [client.run(ALL).bytes_saved for _ in range(2)] == [4 * 10 * 2**20] * 2


def test_explain_tells_of_the_wildcard_as_of_one_table(client):
    client.promote(["ga_20240101", "ga_20240102"])
    told = client.explain(ALL)
    assert [(table.id.table, table.where) for table in told.tables] == [("ga_*", "bigquery")]
    assert told.tables[0].reason.message == "2 of 4 tables behind ga_* are not local yet (ga_20240103 … ga_20240201)"
    missing = sum(client.tier.facts.known(client.table_id(f"ga_{day}")).version.bytes for day in DAYS[2:])
    assert told.remedy == f"%bp_rebalance ga_20240* would bring {missing} B here (≈ $0)"
    assert told.bytes_bigquery == 4 * 10 * 2**20
    client.promote("ga_*")
    told = client.explain(ALL)
    assert [(table.where, str(table.freshness), table.reason) for table in told.tables] == [("local", "fresh", None)]


def test_copies_go_by_wildcard_too(client):
    client.promote("ga_*")
    assert names(step.copy for step in client.demote("ga_202401*").demote) == [f"ga_{day}" for day in DAYS[:3]]
    assert [table.table for table in client.tier.copies()] == ["ga_20240201"]


def test_a_kernel_without_network_may_answer_by_what_it_knew(client, warehouse):
    client.promote("ga_*")
    client.run(ALL)
    with warehouse.faults.during("network:away"):
        assert client.run(ALL, offline=True).decision.where == "local"
        with pytest.raises(RouteRefused, match="nobody can say which tables ga_"):
            client.run(ALL, route="local")
