"""A client of many made-up tables: the panel's own load and timing tests need thousands, and slow jobs.

It stands for the data only; the tests of what the panel does to a tier use the demo warehouse.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from traitlets import Bool, CaselessStrEnum, HasTraits

from bigpato_magic.errors import TransferError
from bigpato_magic.overview import KeptRow, TableRow
from bigpato_magic.status import Status
from bigpato_magic.tier.journal.ledger import Pricing
from bigpato_magic.traits import Duration, Size
from bigpato_magic.types import (
    Column,
    Freshness,
    Kind,
    Plan,
    Promotion,
    QueryResult,
    Reason,
    Refusal,
    RunOnBigQuery,
    SqlType,
    TableFacts,
    TableId,
    TableVersion,
    TransferEvent,
)

NOW = datetime.now(UTC)


FRESH = {"freshness": Freshness.FRESH, "fresh_as_of": NOW}


class _Freshness(HasTraits):
    max_staleness = Duration("0 s", help="A copy this much older than its table may still answer.")


class _Keep(HasTraits):
    on = Bool(True, help="Keep answers.")
    share = 0.25


class _Tier(HasTraits):
    budget = Size("10 GiB", help="Disk that copies may use.")
    policy = CaselessStrEnum(["cost", "lru"], "cost", help="Which tables are held.")
    auto = Bool(False, help="Rebalance in the background.")

    def __init__(self, client):
        super().__init__()
        self.facts = SimpleNamespace(policy=_Freshness())
        self.keep, self.pricing = _Keep(), Pricing()
        self.ledger = SimpleNamespace(days=lambda since: [_saved(n) for n in range(30)])
        self._client = client

    def used_bytes(self):
        return sum(t.local_bytes for t in self._client.tables())


class StandIn(HasTraits):
    """Looks like `BigPato`; `step` is how many seconds each of a transfer's twenty steps takes."""

    route = CaselessStrEnum(["auto", "local", "bigquery"], "auto", help="Where queries run.")
    maximum_bytes_billed = Size(0, help="A BigQuery job that would bill more fails.")
    ask_above = Size("100 GiB", help="What would bill more stops before it runs.")
    footnote = Bool(True, help="Show a footnote.")
    project = "acme"

    def __init__(self, tables=200, step=0.05, answers=30):
        super().__init__()
        self.status = Status()
        self.tier = _Tier(self)
        self.step = step
        self._tables = {t.id: t for t in _tables(tables)}
        self._kept = {row.id: row for row in _kept(answers)}
        for n in range(12):
            self.status.note_query(_query(n))

    def tables(self):
        return list(self._tables.values())

    def kept(self):
        return list(self._kept.values())

    def forget(self, what=None):
        gone = [self._kept.pop(table) for table in (list(self._kept) if what is None else what) if table in self._kept]
        self.status.changed()
        return gone

    def savings(self, since=None):
        days = [
            SimpleNamespace(day=(NOW - timedelta(days=30 - n)).date(), bytes=n * 2**30, dollars=n * 0.4)
            for n in range(30)
        ]
        tables = self.tables()
        size, dollars = sum(t.not_billed_bytes for t in tables), sum(t.not_billed_dollars for t in tables)
        return SimpleNamespace(days=days, bytes_saved=size, dollars_saved=dollars, read_bytes_saved=0)

    def plan(self, tables=None, cancel=None, say=None):
        away = [t for t in self.tables() if t.where == "bigquery"]
        return Plan(
            promote=tuple(_promotion(t) for t in away[:5]),
            refused=(Refusal(away[-1].id, Reason("row-policies", "it has row-level security")),),
        )

    def rebalance(self, plan, cancel=None, progress=None):
        self._bring([p.facts.id for p in plan.promote], cancel)
        return plan

    def promote(self, tables, cancel=None):
        self._bring(tables, cancel)
        return Plan(promote=tuple(_promotion(self._tables[t]) for t in tables))

    refresh = promote

    def demote(self, tables):
        for table in tables:
            self._put(table, where="bigquery", lru=None, local_bytes=0, held="")
        return Plan()

    def check_copies(self):
        """They are as fresh as they are."""

    def pin(self, tables):
        for table in tables:
            self._put(table, pinned=True)

    def unpin(self, tables):
        for table in tables:
            self._put(table, pinned=False)

    def _bring(self, tables, cancel):
        self.status.busy = True
        try:
            for table in tables:
                if "broken" in table.table:
                    raise TransferError(f"{table} could not be read", hint="look at its permissions")
                for n in range(20):
                    cancel.check()
                    self.status.note_event(TransferEvent(table, "download", n, 20, f"{table.table}: {5 * n} %"))
                    cancel.wait(self.step)
                self.status.note_event(TransferEvent(table, "done", 20, 20, f"Table {table.table} promoted"))
                self._put(
                    table,
                    where="local",
                    lru=1,
                    local_bytes=1 << 20,
                    held="all",
                    freshness=Freshness.FRESH,
                    fresh_as_of=NOW,
                )
        finally:
            self.status.busy = False

    def _put(self, table, **changes):
        from dataclasses import replace

        self._tables[table] = replace(self._tables[table], **changes)
        self.status.changed()


def _tables(count):
    r = random.Random(1)
    for n in range(count):
        here = n < count // 5
        table = TableId("acme", "shop", f"{r.choice(['orders', 'events', 'users', 'items', 'clicks'])}_{n:04d}")
        dollars = r.uniform(0, 20) if here else 0.0
        yield TableRow(
            table, "local" if here else "bigquery", uses=r.randint(0, 400), lru=n + 1 if n < 10 else None,
            last_used=NOW - timedelta(minutes=10 ** r.uniform(0, 4)), bytes=int(10 ** r.uniform(5, 10.5)),
            local_bytes=int(10 ** r.uniform(5, 7.5)) if here else 0,
            freshness=r.choice([Freshness.FRESH, Freshness.STALE]) if here else Freshness.UNKNOWN,
            fresh_as_of=NOW - timedelta(minutes=r.randint(0, 900)) if here else None,
            not_billed_bytes=int(dollars / 6.25 * 2**40), not_billed_dollars=dollars, score=dollars * 1.5 - 1,
            score_dollars=dollars * 1.2, score_seconds=dollars * 54,
            held=r.choice(["all", "3 of 10 columns, 12 partitions"]) if here else "", pinned=here and n % 9 == 0,
        )  # fmt: skip


def _kept(count):
    r = random.Random(2)
    for n in range(count):
        tables = tuple(TableId("acme", "shop", name) for name in (["orders"] if n % 3 else ["orders", "items"]))
        fresh = [Freshness.FRESH, Freshness.UNKNOWN, Freshness.STALE, Freshness.FRESH][n % 4]
        size = r.randint(0, 40) << 30
        yield KeptRow(
            TableId("acme", "kept-answers", f"kept_{n:016x}"),
            f"SELECT country, day, COUNT(*) AS n{n}, SUM(amount) AS total FROM orders "
            f"WHERE day >= DATE '2026-01-{n % 28 + 1:02d}' GROUP BY country, day",
            tables, rows=10 ** (n % 5), local_bytes=int(10 ** r.uniform(4, 7)), answered=NOW - timedelta(hours=n),
            uses=n % 7, last_used=NOW - timedelta(minutes=7 * n), not_billed_bytes=size * (n % 7 > 0),
            not_billed_dollars=size * (n % 7 > 0) / 2**40 * 6.25, freshness=fresh,
            fresh_as_of=NOW - timedelta(minutes=3 * n), reason="orders has changed" if fresh is Freshness.STALE else "",
        )  # fmt: skip


def _saved(n):
    return str((NOW - timedelta(days=30 - n)).date()), n << 30, n * 0.4


def _promotion(row):
    columns = (Column("id", SqlType(Kind.INT64)),)
    version = TableVersion("e", NOW, NOW, 10, row.bytes, "d")
    facts = TableFacts(row.id, version, columns, NOW)
    return Promotion(
        facts, columns, None, f"{row.uses} queries of it were billed", row.bytes, row.bytes / 2**40 * 1.1, 3.0, 90.0
    )


def _query(n):
    sql = f"SELECT COUNT(*) AS n{n} FROM orders WHERE day >= @since"
    decision = RunOnBigQuery(sql, (Reason("not-local", "orders is not local yet"),))
    return QueryResult(None, (), decision, 1.5 + n, bytes_billed=n << 28, job_id=f"job_{n}", sql=sql)
