"""A machine on which Google's analyzer is not compiled yet: its queries count, and a rebalance waits for their names."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bigpato_magic import googlesql
from bigpato_magic.client import BigPato
from bigpato_magic.demo import DemoWarehouse
from bigpato_magic.runner import QueryRunner
from bigpato_magic.types import TableId

WALK = """
import json, sys
from bigpato_magic import googlesql
from bigpato_magic.client import BigPato
from bigpato_magic.demo import open_warehouse

home, route = sys.argv[1:]
warehouse = open_warehouse(home + "/demo", datasets=("samples",))
client = BigPato(warehouse=warehouse, project=warehouse.project, dataset="samples", directory=home + "/tier", route=route)
said = []
client.status.observe(lambda change: said.append(change.new), "job")
before = []
for sql in ("SELECT COUNT(*) AS n FROM events", "SELECT kind, COUNT(*) AS n FROM events GROUP BY kind",
            "SELECT COUNT(*) AS n FROM buckets"):
    frame = client.exec_query(sql)
    before.append((client.last.decision.where, [r.code for r in client.last.decision.reasons]))
ready = googlesql.ready()
client.launch_balance_storage()
client.route = "auto"
again = client.run("SELECT COUNT(*) AS n FROM events")
other = client.run("SELECT MAX(event_id) AS n FROM events")
print(json.dumps({
    "before": before, "ready": ready, "said": said, "uses": {t.table: n for t, n in client.tier.usage.lru().items()},
    "local": sorted(t.table for t in client.tier.copies()), "where": again.decision.where,
    "again": [again.cache_hit, again.bytes_saved], "other": [other.cache_hit, other.bytes_saved],
    "paid": client.savings().bytes_billed,
}))
client.close()
"""

MIB = 1 << 20


def walk(tmp_path, route, **environment):
    command = [sys.executable, "-c", WALK, str(tmp_path), route]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def judge(found, told, waits):
    assert found["ready"] is False
    assert found["uses"] == {"buckets": 1, "events": 4}
    assert found["local"] == ["buckets", "events"]
    assert found["where"] == "local"
    assert found["again"] == [True, 0]  # BigQuery's cache has it since the first cell
    assert found["other"] == [False, 10 * MIB]
    assert found["paid"] == 10 * MIB  # COUNT(*) reads no column
    assert any(waits in text for text in found["said"])
    assert found["said"][-1] == ""
    assert "which tables the last 3 queries read" in told


def test_queries_that_ran_before_the_analyzer_was_loaded_are_counted_and_waited_for(tmp_path, analyzer):
    found, told = walk(tmp_path, "bigquery")
    assert [where for where, _ in found["before"]] == ["bigquery"] * 3
    judge(found, told, "waiting for Google's analyzer (being loaded)")


@pytest.fixture
def client(tmp_path):
    warehouse = DemoWarehouse(tmp_path / "warehouse", project="demo", dataset="shop", threads=1)
    warehouse.execute("CREATE SCHEMA shop")
    warehouse.execute("CREATE TABLE shop.small AS SELECT n AS id FROM UNNEST(GENERATE_ARRAY(1, 20)) AS n")
    client = BigPato(warehouse=warehouse, project="demo", dataset="shop", directory=str(tmp_path / "tier"))
    yield client
    client.close()


def test_what_waits_for_its_names_keeps_no_rows(client, monkeypatch):
    monkeypatch.setattr(googlesql, "ready", lambda: False)
    assert client.run("SELECT id FROM small", route="bigquery").arrow.num_rows == 20
    (waiting,) = client.runner._unnamed._waiting
    assert waiting.result.arrow.column_names == ["id"]
    assert waiting.result.arrow.get_total_buffer_size() == 0


@pytest.mark.usefixtures("analyzer")
def test_a_query_counts_once_though_the_analyzer_becomes_ready_while_it_is_noted(client, monkeypatch):
    state, used = {"ready": False}, QueryRunner._used

    def becomes_ready(self, request, query):
        state["ready"] = True
        return used(self, request, query)

    monkeypatch.setattr(googlesql, "ready", lambda: state["ready"])
    monkeypatch.setattr(QueryRunner, "_used", becomes_ready)
    client.run("SELECT id FROM small", route="bigquery")
    assert client.tier.usage.lru() == {TableId("demo", "shop", "small"): 1}
    assert client.tier.usage.totals()[TableId("demo", "shop", "small")].uses == 1


@pytest.mark.slow
def test_on_a_fresh_machine_the_walk_of_the_originals_readme_brings_its_tables(tmp_path):
    found, told = walk(tmp_path, "auto", XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert found["before"] == [["bigquery", ["analyzer-busy"]]] * 3
    judge(found, told, "being compiled, once on this machine")
