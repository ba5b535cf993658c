"""Tables that change between, before and during any two questions: kept, derived and local answers are the remote one.

Every answer must be that of one state which the tables were in while it was asked.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from functools import partial
from random import Random
from threading import RLock

import pytest

from bigpato_magic.client import BigPato
from bigpato_magic.demo.warehouse import DemoWarehouse
from bigpato_magic.types import RunOnBigQuery
from bigpato_magic.warehouse.base import QueryOptions

MANY = int(os.environ.get("BIGPATO_CHANGING", "60"))
"""Sessions of the exhaustive run, each of `STEPS` questions."""
STEPS = 40

TABLES = (
    "CREATE SCHEMA d",
    "CREATE TABLE d.t (a INT64, b INT64, s STRING, n NUMERIC)",
    "CREATE TABLE d.u (a INT64, w STRING)",
    "INSERT INTO d.t SELECT MOD(i, 5), i, IF(MOD(i, 3) = 0, 'x', 'y'), CAST(i AS NUMERIC) FROM UNNEST(GENERATE_ARRAY(1, 40)) i",
    "INSERT INTO d.u SELECT i, IF(i < 3, 'low', 'high') FROM UNNEST(GENERATE_ARRAY(0, 5)) AS i",
)
CHANGES = (
    "INSERT INTO d.t (a, b, s, n) VALUES ({0}, {1}, 'z', 0.5)",
    "DELETE FROM d.t WHERE b = {1}",
    "UPDATE d.t SET s = 'x', n = {0} WHERE a = {0}",
    "INSERT INTO d.u (a, w) VALUES ({0}, 'new')",
    "UPDATE d.u SET w = 'other' WHERE a = {0}",
)
QUESTIONS = (
    "SELECT a, b, s FROM t WHERE a > 1",
    "SELECT s, b, b AS again FROM t WHERE a > 1",
    "SELECT b FROM t WHERE a > 1 AND s = 'x'",
    "SELECT COUNT(*) AS c, SUM(b) AS m FROM t WHERE s != 'x' AND a > 1",
    "SELECT a, s, COUNT(*) AS c, SUM(b) AS m, SUM(n) AS k, MIN(n) AS f, MAX(s) AS l FROM t GROUP BY a, s",
    "SELECT a, SUM(b) AS m, COUNT(*) AS c FROM t GROUP BY a",
    "SELECT s, SUM(n) AS k, MAX(s) AS l FROM t GROUP BY s HAVING COUNT(*) > 2",
    "SELECT COUNT(*) AS c, SUM(b) AS m, MIN(n) AS f FROM t",
    "SELECT w, SUM(m) AS m FROM (SELECT a, SUM(b) AS m FROM t GROUP BY a) JOIN u USING (a) GROUP BY w",
    "SELECT u.w, t.s, COUNT(*) AS c FROM t JOIN u ON t.a = u.a WHERE t.b > 3 GROUP BY u.w, t.s",
    "SELECT u.w, COUNT(*) AS c FROM t JOIN u ON t.a = u.a WHERE t.b > 3 GROUP BY u.w",
    "SELECT t.b, u.w FROM t JOIN u ON t.a = u.a WHERE u.w = 'low'",
    "SELECT t.b FROM t JOIN u ON t.a = u.a WHERE u.w = 'low' AND t.b < 20",
    "WITH q AS (SELECT a, SUM(b) AS m FROM t GROUP BY a) SELECT x.a, y.m FROM q x JOIN q y ON x.a = y.a + 1",
)
FRESH = QueryOptions(use_query_cache=False)


def rows(table):
    """The rows of an answer, in one order."""
    return sorted(map(repr, table.to_pylist()))


class Session:
    """Two kernels of one person over tables that change."""

    def __init__(self, directory, seed):
        self.random = Random(seed)
        self.warehouse = DemoWarehouse(directory / "warehouse", dataset="d", threads=1)
        for statement in TABLES:
            self.warehouse.execute(statement)
        place = {"project": self.warehouse.project, "dataset": "d", "directory": str(directory / "tier")}
        self.kernels = [BigPato(warehouse=self.warehouse, **place) for _ in range(2)]
        self.ended: Counter[str] = Counter()
        self.lock = RLock()

    def close(self):
        for kernel in self.kernels:
            kernel.close()
        self.warehouse.close()

    def run(self, steps):
        """Ask so many questions; between them, anything may happen."""
        for _ in range(steps):
            for happens, how_often in ((self.settle, 0.8), (self.change, 0.15), (self.move, 0.05), (self.forget, 0.02)):
                if self.random.random() < how_often:
                    happens()
            self.ask()

    # ------------------------------------------------------------------------------------ what happens

    @property
    def kernel(self):
        return self.random.choice(self.kernels)

    def change(self):
        statement = self.random.choice(CHANGES).format(self.random.randint(0, 4), self.random.randint(1, 60))
        if self.random.random() < 0.3:
            self.kernel.run(statement)
        else:
            self.warehouse.execute(statement)

    def settle(self):
        for kernel in self.kernels:
            kernel.settle(60)

    def move(self):
        kernel, table = self.kernel, self.random.choice(("t", "u"))
        self.random.choice((kernel.promote, kernel.demote, kernel.demote, lambda _: kernel.rebalance()))(table)

    def forget(self):
        self.kernel.forget()

    # ----------------------------------------------------------------------------------------- asking

    def ask(self):
        """One question; its answer is that of one of the states meanwhile."""
        sql = self.random.choice(QUESTIONS)
        states = [self.truth(sql)]
        with self.changing(self.random.random() < 0.1, partial(self.note, states, sql)):
            result = self.kernel.run(sql, max_staleness=0)
        assert rows(result.arrow) in states, (sql, result.decision.where, rows(result.arrow), states)
        self.ended[result.decision.where if not isinstance(result.decision, RunOnBigQuery) else "bigquery"] += 1

    def truth(self, sql):
        return rows(self.warehouse.query(sql, dataset=(self.warehouse.project, "d"), options=FRESH).arrow)

    def note(self, states, sql):
        self.warehouse.execute(
            self.random.choice(CHANGES).format(self.random.randint(0, 4), self.random.randint(1, 60))
        )
        states.append(self.truth(sql))

    @contextmanager
    def changing(self, wanted, change):
        """A table changes right before or right after BigQuery is asked: for facts, or for an answer."""
        if not wanted:
            yield
            return
        name, before = self.random.choice(("facts", "query")), self.random.random() < 0.5
        asked, left = getattr(self.warehouse, name), [change]

        def once():
            with self.lock:  # an answer may be kept meanwhile, on a thread that asks for facts too
                if left:
                    setattr(self.warehouse, name, asked)
                    left.pop()()

        def changing(*given, **how):
            if before:
                once()
            answer = asked(*given, **how)
            once()
            return answer

        setattr(self.warehouse, name, changing)
        try:
            yield
        finally:
            with self.lock:
                left.clear()
                setattr(self.warehouse, name, asked)


def play(directory, seed, steps):
    session = Session(directory, seed)
    try:
        session.run(steps)
    finally:
        session.close()
    return session.ended


@pytest.mark.parametrize("seed", range(3))
def test_whatever_changes_whenever_an_answer_is_of_one_state_of_its_tables(tmp_path, seed):
    ended = play(tmp_path, seed, STEPS)
    assert ended["kept"] > 1, ended
    assert ended["bigquery"] > 0, ended


@pytest.mark.exhaustive
def test_in_many_sessions_an_answer_is_of_one_state_of_its_tables(tmp_path):
    ended = sum((play(tmp_path / str(seed), seed, STEPS) for seed in range(100, 100 + MANY)), Counter())
    print(ended)
    assert ended["kept"] > MANY * STEPS / 20, ended
