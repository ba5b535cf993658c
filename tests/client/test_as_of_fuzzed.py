"""Random changes, looks and copies, and random instants: what is answered here is what the warehouse was then, or routed."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest

from bigpato_magic.errors import BigPatoError, QueryError, RouteRefused
from bigpato_magic.warehouse.base import QueryOptions

COLUMNS = "COUNT(*) AS n, SUM(id) AS ids, MAX(kind) AS kind"
CREATE = (
    "CREATE OR REPLACE TABLE samples.past AS SELECT n AS id, MOD(n, 3) AS kind FROM UNNEST(GENERATE_ARRAY(1, 9)) AS n"
)


class World:
    """A table that changes, a client that sometimes looks, and what was answered."""

    def __init__(self, client, warehouse, seed):
        self.client, self.warehouse, self.random = client, warehouse, random.Random(seed)
        self.answered = Counter()

    def step(self):
        actions = [self.change, *[self.copy] * 2, *[self.look] * 2, *[self.ask] * 5]
        self.wait()
        self.random.choice(actions)()

    def wait(self):
        self.warehouse.clock_offset += timedelta(seconds=self.random.choice([0.5, 3, 60, 3600]))

    def change(self):
        add = f"INSERT INTO samples.past (id, kind) VALUES ({self.random.randrange(1000)}, 7)"
        ways = [
            lambda: self.warehouse.execute(add),
            lambda: self.client.run(add),
            lambda: self.warehouse.execute("DELETE FROM samples.past WHERE MOD(id, 5) = 0"),
            lambda: self.warehouse.execute("UPDATE samples.past SET kind = kind + 1 WHERE MOD(id, 2) = 0"),
        ]
        rare = [
            lambda: self.warehouse.stream_rows("samples.past", [{"id": -1, "kind": 0}]),
            lambda: self.warehouse.flush_buffer("samples.past"),
            lambda: self.warehouse.execute(CREATE),
            lambda: self.warehouse.execute("ALTER TABLE samples.past ADD COLUMN IF NOT EXISTS more INT64"),
            lambda: self.warehouse.add_row_policy("samples.past", "id > 0"),
            lambda: self.warehouse.drop_row_policies("samples.past"),
        ]
        with suppress(QueryError):  # a statement on rows that are streamed
            self.random.choice(rare if self.random.random() < 0.25 else ways)()

    def copy(self):
        try:
            self.client.rebalance(["samples.past"])
        except BigPatoError:
            self.answered["not copied"] += 1

    def look(self):
        self.client.run(f"SELECT {COLUMNS} FROM past", max_staleness=self.random.choice([0, 0, 60]))

    def ask(self):
        for most in (5, 100, 4000, 20000):
            self.ask_as_of(self.warehouse.now() - timedelta(seconds=self.random.random() * most))

    def ask_as_of(self, at):
        sql = f"SELECT {COLUMNS} FROM past FOR SYSTEM_TIME AS OF TIMESTAMP '{at:%Y-%m-%d %H:%M:%S.%f+00}'"
        try:
            answer = self.client.run(sql, route="local", max_staleness=self.random.choice([0, 0, 60]))
        except RouteRefused:
            self.answered["routed"] += 1
            return
        project = self.client.project
        options = QueryOptions(snapshot=at, use_query_cache=False)
        truth = self.warehouse.query(f"SELECT {COLUMNS} FROM past", dataset=(project, "samples"), options=options)
        assert answer.arrow.to_pylist() == truth.arrow.to_pylist(), at
        self.answered["here"] += 1


def play(client, warehouse, seed, steps):
    warehouse.execute(CREATE)
    world = World(client, warehouse, seed)
    for _ in range(steps):
        world.step()
    return world.answered


@pytest.mark.parametrize("seed", range(3))
def test_an_answer_is_what_the_table_was_then_or_bigquerys(client, warehouse, seed):
    answered = play(client, warehouse, seed, 40)
    assert answered["here"] >= 1
    assert answered["routed"] >= 3


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(100, 130))
def test_and_so_in_many_more_worlds(client, warehouse, seed):
    assert play(client, warehouse, seed, 300)["routed"] >= 1
