"""TPC-H and TPC-DS in BigQuery SQL run here, all of them, and give what DuckDB's own texts give on the same rows.

At scale 0.1 fifteen of TPC-DS have no rows on either side; `benchmarks/tpc.py` compares them at scale 1 too.
"""

from __future__ import annotations

import pytest

from bigpato_magic import demo, googlesql
from bigpato_magic.types import RunLocal

from .native import native_tables
from .texts import DATASETS, QUERIES, Query, differences

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    googlesql.warm(background=False)
    made = demo.start(tmp_path_factory.mktemp("demo"))
    made.engine.threads = 2
    warehouse = made.warehouse
    plan = made.promote([t for dataset in DATASETS.values() for t in warehouse.tables(dataset=dataset)])
    assert not plan.refused
    yield made
    made.close()


@pytest.fixture(scope="module")
def native(client):
    made = {dataset: native_tables(client.warehouse, dataset) for dataset in DATASETS.values()}
    yield made
    for connection in made.values():
        connection.close()


@pytest.mark.parametrize("query", QUERIES, ids=lambda q: q.name)
def test_it_runs_here_and_is_right(client, native, query: Query):
    result = client.run(query.bigquery, route="local", dataset=query.dataset)
    assert isinstance(result.decision, RunLocal)
    own = native[query.dataset].execute(query.native).fetchall()
    mine = list(zip(*(column.to_pylist() for column in result.arrow.columns), strict=True))
    assert differences(mine, own, query.name) == []


@pytest.mark.parametrize("query", [q for q in QUERIES if q.number % 10 == 1], ids=lambda q: q.name)
def test_both_routes_give_the_same_frame(client, query: Query):
    here, there = (client.run(query.bigquery, route=route, dataset=query.dataset) for route in ("local", "bigquery"))
    assert here.arrow.schema.equals(there.arrow.schema, check_metadata=True)
    mine, theirs = ([tuple(r.values()) for r in result.arrow.to_pylist()] for result in (here, there))
    assert differences(mine, theirs) == []


def test_a_difference_is_seen():
    assert differences([(0, 0, 0, 0.07)], [(0, 0, 0, 0.08)])
    assert differences([(0, 0, 0, 0.07)], [(0, 0, 0, 0.09)], "ds78")
    assert differences([(1, "a")], [(1, "b")])
    assert differences([(1,)], [(1,), (1,)])
    assert differences([(1.0,)], [(1.001,)])
    assert differences([(None,)], [(0,)])
    assert differences([(1, "a"), (2, "b")], [(2, "b"), (1, "a")]) == []
