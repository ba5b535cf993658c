"""Random queries of which some tables are here, while tables change at any moment: the answer is BigQuery's of one instant."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest

from bigpato_magic.client import BigPato
from bigpato_magic.demo import open_warehouse
from bigpato_magic.errors import BigPatoError
from tests.runner.random_joins import COLUMNS, Queries, change, tables

SHARED = 60
MANY = int(os.environ.get("BIGPATO_FRAGMENTS", "3000"))
"""Queries of the exhaustive run."""
BATCH = 100
EACH = 20
"""Queries over the same tables."""
_ASKS = ("facts", "query", "dry_run")


@pytest.fixture(scope="module", autouse=True)
def ready(analyzer):
    """The analyzer is."""


class Meddling:
    """Changes a table before or after one of the calls to the warehouse."""

    def __init__(self, warehouse, monkeypatch, random):
        self.warehouse, self.random = warehouse, random
        self.left = self.changed = None
        for name in _ASKS:
            monkeypatch.setattr(warehouse, name, self._meddled(getattr(warehouse, name)))

    def begin(self, at):
        """At that call from now on; None for never."""
        self.left, self.changed = at, False

    def _meddled(self, asked):
        def call(*given, **how):
            self._step()
            answer = asked(*given, **how)
            self._step()
            return answer

        return call

    def _step(self):
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left, self.changed = None, True
            self.warehouse.execute(change(self.random))


def answer(ask, sql):
    """The rows, or that it fails."""
    try:
        arrow = ask(sql)
    except BigPatoError as error:
        return type(error).__name__
    return arrow.to_pylist()


def run(first, count, directory, monkeypatch):
    """How the answers to so many queries came about; each is checked."""
    ended = Counter()
    warehouse = open_warehouse(directory / "demo", datasets=("samples",))
    place = {"project": warehouse.project, "dataset": "samples", "directory": str(directory / "tier")}
    client = BigPato(warehouse=warehouse, look_below=0, **place)
    meddling = Meddling(warehouse, monkeypatch, Random(first))
    try:
        for number in range(first, first + count):
            random = Random(number)
            if (number - first) % EACH == 0:
                meddling.begin(None)
                for statement in tables(random):
                    warehouse.execute(statement)
                client.demote(
                    [
                        name
                        for name in COLUMNS
                        if name in {row.id.table for row in client.tables() if row.where == "local"}
                    ]
                )
            local = [name for name in COLUMNS if random.random() < 0.4]
            meddling.begin(None)
            if (number - first) % 5 == 0 and local:
                client.rebalance(local)
            ended += judged(number, Queries(random).query(), client, warehouse, meddling, random)
    finally:
        client.close()
        warehouse.close()
    return ended


def judged(number, sql, client, warehouse, meddling, random):
    before = answer(lambda text: warehouse.query(text, dataset=(warehouse.project, "samples")).arrow, sql)
    meddling.begin(random.randint(0, 24) if random.random() < 0.6 else None)
    try:
        result = client.run(sql, max_staleness=0)
        rows, where = result.arrow.to_pylist(), result.decision.where
        reasons = [] if where in ("local", "kept", "hybrid") else [r.code for r in result.decision.reasons]
    except BigPatoError as error:
        rows, where, reasons = type(error).__name__, "error", []
    changed = meddling.changed
    meddling.begin(None)
    after = answer(lambda text: warehouse.query(text, dataset=(warehouse.project, "samples")).arrow, sql)
    client.tier.open().keeper.settle(60)
    assert rows in (before, after), f"{number}, {where}: {sql}\n{rows}\n{before}\n{after}"
    if random.random() < 0.5:
        client.tier.queries.forget()
    moved = "changed" if changed else "unchanged"
    return Counter({f"{where}{', back' if 'fragment' in reasons else ''}, {moved}": 1})


@pytest.mark.parametrize("first", [1000 * i for i in range(1, 6)])
def test_the_answer_is_of_one_instant(first, tmp_path, monkeypatch):
    ended = run(first, SHARED, tmp_path, monkeypatch)
    assert sum(count for how, count in ended.items() if how.startswith("hybrid, ")) > SHARED / 10, ended


@pytest.mark.exhaustive
@pytest.mark.parametrize("batch", range(MANY // BATCH))
def test_many_answers_are_of_one_instant(batch, tmp_path, monkeypatch):
    ended = run(100_000 + BATCH * batch, BATCH, tmp_path, monkeypatch)
    assert sum(count for how, count in ended.items() if how.startswith("hybrid, ")) > BATCH / 20, ended
