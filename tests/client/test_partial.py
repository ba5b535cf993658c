"""A copy of one partition answers for that partition; a query that may need others is BigQuery's."""

from __future__ import annotations

import pytest

from bigpato_magic.demo import open_warehouse
from bigpato_magic.types import Kind, Parameter, Plan, RunLocal, RunOnBigQuery, SqlType, TableId


@pytest.fixture
def warehouse(tmp_path):
    warehouse = open_warehouse(tmp_path / "demo", datasets=("samples",))
    warehouse.execute("CREATE TABLE samples.p (day DATE, n INT64) PARTITION BY day")
    warehouse.execute(
        "INSERT INTO samples.p VALUES (DATE '2024-01-01', 1), (DATE '2024-01-02', 2), (DATE '2024-01-03', 3), "
        "(NULL, 4), (NULL, 1)"
    )
    warehouse.execute("CREATE TABLE samples.x AS SELECT * FROM UNNEST([1, 2, 3]) AS k")
    warehouse.execute("CREATE TABLE samples.y AS SELECT 1 AS k")
    return warehouse


@pytest.fixture
def held(client, warehouse):
    """Copies: of p one day, of x and y all."""
    client.tier.list_partitions_above, client.tier.keep.fragments = 0, False
    for name in "pxy":
        (promotion,) = client.tier.plan([TableId(warehouse.project, "samples", name)]).promote
        fields = {field: getattr(promotion, field) for field in promotion.__dataclass_fields__}
        fields |= {"partitions": frozenset({"20240101"})} if name == "p" else {}
        assert not client.tier.rebalance(Plan(promote=(type(promotion)(**fields),))).refused
    return client


NULLED = "x LEFT JOIN (SELECT k, DATE '2024-01-01' AS c FROM y) AS j ON x.k = j.k"
ROLLED = "(SELECT c FROM (SELECT DATE '2024-01-01' AS c FROM x) GROUP BY ROLLUP (c)) AS j"


@pytest.mark.parametrize(
    ("sql", "right"),
    [
        (f"SELECT x.k, (SELECT COUNT(*) FROM p WHERE j.c IS NULL OR p.day = j.c) AS n FROM {NULLED} ORDER BY k", [1, 5, 5]),
        (f"SELECT x.k, (SELECT COUNT(*) FROM p WHERE p.day IS NOT DISTINCT FROM j.c) AS n FROM {NULLED} ORDER BY k", [1, 2, 2]),
        (
            f"SELECT x.k AS n FROM {NULLED} WHERE EXISTS (SELECT 1 FROM p WHERE (j.c IS NULL AND p.n = 3) OR p.day = j.c) "
            "ORDER BY n",
            [1, 2, 3],
        ),
        (f"SELECT c, (SELECT COUNT(*) FROM p WHERE j.c IS NULL OR p.day = j.c) AS n FROM {ROLLED} ORDER BY c", [5, 1]),
        (f"SELECT (SELECT COUNT(*) FROM p WHERE j.c IS NULL OR p.day = j.c) AS n FROM {NULLED} WHERE x.k = 2", [5]),
    ],
)  # fmt: skip
def test_a_column_that_an_operator_around_makes_null_is_no_constant(held, sql, right):
    result = held.run(sql)
    assert isinstance(result.decision, RunOnBigQuery)
    assert {reason.code for reason in result.decision.reasons} == {"not-held"}
    assert result.arrow["n"].to_pylist() == right


@pytest.mark.parametrize(
    ("sql", "right"),
    [
        ("SELECT COUNT(*) AS n FROM p WHERE day = '2024-01-01'", [1]),
        ("SELECT (SELECT COUNT(*) FROM p WHERE p.day = j.c) AS n FROM (SELECT DATE '2024-01-01' AS c) AS j", [1]),
        (
            "SELECT (SELECT COUNT(*) FROM p WHERE p.day = j.c) AS n FROM x JOIN (SELECT k, DATE '2024-01-01' AS c FROM y) AS j "
            "ON x.k = j.k",
            [1],
        ),
        ("WITH k AS (SELECT DATE '2024-01-01' AS c) SELECT p.n FROM p CROSS JOIN k WHERE p.day <= k.c", [1]),
    ],
)  # fmt: skip
def test_a_column_that_stays_what_it_is_keeps_the_query_here(held, sql, right):
    result = held.run(sql)
    assert isinstance(result.decision, RunLocal)
    assert result.arrow["n"].to_pylist() == right


@pytest.mark.parametrize(
    "predicate",
    [
        "@all = 'all' OR day = DATE '2024-01-01'",
        "@all IN ('all', 'none') OR day = DATE '2024-01-01'",
        "@all IN UNNEST(['all', 'none']) OR day = DATE '2024-01-01'",
        "NOT (@all = 'none' AND day = DATE '2024-01-01')",
        "@all BETWEEN 'a' AND 'b' OR day = DATE '2024-01-01'",
        "CURRENT_DATE() > DATE '2024-01-01' OR day = DATE '2024-01-01'",
    ],
)
def test_what_is_the_same_for_every_row_is_so_where_the_partitions_column_is_null_too(client, warehouse, predicate):
    client.tier.list_partitions_above, client.tier.keep.fragments = 0, False
    (promotion,) = client.tier.plan([TableId(warehouse.project, "samples", "p")]).promote
    fields = {field: getattr(promotion, field) for field in promotion.__dataclass_fields__}
    days = type(promotion)(**fields | {"partitions": frozenset({"20240101", "20240102", "20240103"})})
    assert not client.tier.rebalance(Plan(promote=(days,))).refused
    every = Parameter("all", SqlType(Kind.STRING), "all")
    assert client.run(f"SELECT COUNT(*) AS n FROM p WHERE {predicate}", params=[every]).arrow["n"].to_pylist() == [5]
