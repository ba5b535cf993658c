"""One kernel of the soak: it asks, writes, keeps, promotes, refreshes, demotes, cleans and closes at random until it is stopped.

Each table's content tells its version, so that an answer can be judged by the history of writes (see `soak`).
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import time
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PARTITIONS = 5
ROWS = 400


@dataclass(frozen=True)
class Table:
    """A table whose content is a function of its version.

    Args:
        name: of the table.
        make: SQL that makes version 0.
        write: SQL that turns version - 1 into `{v}`.
        ask: SQL whose answer tells the version.
        expected: the rows that the answer of a version has.
    """

    name: str
    make: str
    write: str
    ask: str
    expected: object

    def version_of(self, rows):
        """The version that an answer is of, None for one that no version gives."""
        numbers = [row["v"] for row in rows if row["v"] is not None]
        guess = max(numbers, default=0)
        return guess if rows == self.expected(guess) else None


def _of_partitions(v):
    def last(p):
        return max((w for w in range(max(0, v - PARTITIONS), v + 1) if w % PARTITIONS == p and w > 0), default=0)

    return [{"p": p, "low": last(p), "v": last(p), "n": ROWS // PARTITIONS} for p in range(PARTITIONS)]


TABLES = {
    table.name: table
    for table in (
        Table(
            "whole",
            f"CREATE TABLE shop.whole AS SELECT n AS id, 0 AS v, TO_HEX(SHA256(CAST(n AS STRING))) AS noise "
            f"FROM UNNEST(GENERATE_ARRAY(1, {10 * ROWS})) AS n",
            "UPDATE shop.whole SET v = {v} WHERE TRUE",
            "SELECT MIN(v) AS low, MAX(v) AS v, COUNT(*) AS n, SUM(id) AS total FROM shop.whole",
            lambda v: [{"low": v, "v": v, "n": 10 * ROWS, "total": 5 * ROWS * (10 * ROWS + 1)}],
        ),
        Table(
            "parts",
            "CREATE TABLE shop.parts PARTITION BY day AS SELECT DATE_ADD(DATE '2024-01-01', INTERVAL MOD(n, "
            f"{PARTITIONS}) DAY) AS day, MOD(n, {PARTITIONS}) AS p, 0 AS v FROM UNNEST(GENERATE_ARRAY(1, {ROWS})) AS n",
            f"UPDATE shop.parts SET v = {{v}} WHERE p = MOD({{v}}, {PARTITIONS})",
            "SELECT p, MIN(v) AS low, MAX(v) AS v, COUNT(*) AS n FROM shop.parts GROUP BY p ORDER BY p",
            _of_partitions,
        ),
        Table(
            "log",
            "CREATE TABLE shop.log AS SELECT 0 AS v",
            "INSERT INTO shop.log VALUES ({v})",
            "SELECT MAX(v) AS v, COUNT(*) AS n, SUM(v) AS total FROM shop.log",
            lambda v: [{"v": v, "n": v + 1, "total": v * (v + 1) // 2}],
        ),
    )
}

FAULTS = ("facts:503", "read:cut-after-bytes", "query:503", "partitions:403")
STALENESS = (0.0, 0.0, 2.0)


class Journal:
    """What a kernel did, one JSON line each, whole also when the kernel is killed."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, **what) -> None:
        os.write(self._fd, (json.dumps({"at": time.monotonic(), "pid": os.getpid()} | what) + "\n").encode())


class Kernel:
    """A client on the shared tier, and its journal."""

    def __init__(self, home: Path, seed: int) -> None:
        from bigpato_magic.client import BigPato
        from bigpato_magic.demo import DemoWarehouse

        self.home, self.random = home, random.Random(seed)
        self.journal = Journal(home / "journal.jsonl")
        self.warehouse = DemoWarehouse(
            home / "warehouse", project="demo", dataset="shop", threads=1, memory_limit="500MB"
        )
        self.client = BigPato(
            warehouse=self.warehouse,
            project="demo",
            dataset="shop",
            directory=str(home / "tier"),
            min_free_disk=0,
            list_partitions_above=0,
        )

    def step(self) -> None:
        """One action; its outcome is in the journal."""
        table = self.random.choice(list(TABLES.values()))
        names = ("ask",) * 8 + ("write",) * 4 + ("bring",) * 3 + ("demote", "clean", "close", "verify", "fork")
        names += ("keep", "ask_kept", "ask_kept", "forget")
        name = self.random.choice(names)
        self.journal.note(kind="begin", action=name, table=table.name)
        try:
            with self._fault():
                getattr(self, name)(table)
        except KeyboardInterrupt:
            self.journal.note(kind="interrupted", action=name)
        except Exception as error:
            self._note_error(name, error)

    def _note_error(self, name, error) -> None:
        from bigpato_magic.errors import BigPatoError

        if isinstance(error, BigPatoError):
            self.journal.note(kind="error", action=name, type=type(error).__name__, text=str(error)[:300])
        else:
            self.journal.note(kind="defect", action=name, type=type(error).__name__, text=traceback.format_exc())

    @contextmanager
    def _fault(self):
        if self.random.random() < 0.1:
            self.warehouse.faults.set(self.random.choice(FAULTS), times=self.random.randint(1, 3))
        try:
            yield
        finally:
            self.warehouse.faults.clear()

    def ask(self, table: Table) -> None:
        staleness, started = self.random.choice(STALENESS), time.monotonic()
        result = self.client.run(table.ask, max_staleness=staleness)
        reasons = [reason.code for reason in getattr(result.decision, "reasons", ())]
        self._note_answer(table, result.arrow, started, result.decision.where, reasons, staleness)

    def _note_answer(self, table: Table, arrow, started, where, reasons=(), staleness=0.0) -> None:
        rows = arrow.to_pylist()
        self.journal.note(
            kind="answer",
            table=table.name,
            version=table.version_of(rows),
            rows=rows,
            started=started,
            staleness=staleness,
            where=where,
            reasons=reasons,
        )

    def keep(self, table: Table) -> None:
        """BigQuery's answer is kept, whatever happens meanwhile."""
        from bigpato_magic.types import Basis, Kind, OutputColumn, QuerySource, SqlType, TableFacts, TableId

        id_ = TableId("demo", "shop", table.name)
        facts = self.client.tier.facts.fetch([id_])[id_]
        if not isinstance(facts, TableFacts):
            return
        rows = self.warehouse.execute(table.ask)
        names, bases = tuple(rows.column_names), (Basis(facts, frozenset({"v"}), facts.checked_at),)
        outputs = tuple(OutputColumn(name, SqlType(Kind.INT64)) for name in names)
        source = QuerySource(f"{table.name:_<32}", names, "p", bases, table.ask, 10 << 20, 1.0)
        self.client.tier.queries.keep(source, outputs, rows)

    def ask_kept(self, table: Table) -> None:
        """What is kept answers, if it is whole and fresh."""
        from bigpato_magic.status import Cancel
        from bigpato_magic.types import Freshness, TableId

        started, queries = time.monotonic(), self.client.tier.queries
        for copy in queries.kept([TableId("demo", "shop", table.name)]):
            if "v" not in copy.holding.columns:
                continue  # a query's own: its columns have canonical names, and `ask` reads it
            with queries.lease([copy]):
                comparison = queries.compare([copy])
                rows = self.client.engine.rows(copy)
                freshness, _ = queries.facts.check([copy], 0)[copy.table]
                if comparison is not None:
                    comparison.outcome(Cancel())
            if freshness is Freshness.FRESH:
                self._note_answer(table, rows, started, "kept")

    def forget(self, table: Table) -> None:
        self.client.tier.queries.forget()

    def write(self, table: Table) -> None:
        """One writer at a time; one that was killed half-way leaves it open whether its version came."""
        with (self.home / f"{table.name}.writer").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            there = table.version_of(self.warehouse.execute(table.ask).to_pylist())
            self.journal.note(kind="written", table=table.name, version=there)
            self.journal.note(kind="writing", table=table.name, version=there + 1)
            self.client.run(table.write.format(v=there + 1))
            self.journal.note(kind="written", table=table.name, version=there + 1)

    def bring(self, table: Table) -> None:
        self.client.promote(table.name)

    def demote(self, table: Table) -> None:
        self.client.demote(table.name)

    def clean(self, table: Table) -> None:
        self.client.tier.clean()

    def verify(self, table: Table) -> None:
        self.client.verify_files()

    def close(self, table: Table) -> None:
        self.client.close()

    def fork(self, table: Table) -> None:
        """A child asks too."""
        pid = os.fork()
        if pid == 0:
            try:
                self.ask(table)
            except BaseException as error:
                self._note_error("fork", error)
            os._exit(0)
        os.waitpid(pid, 0)


def kernel(home: Path, seed: int, until: float) -> None:
    """Work until the moment `until` of the monotonic clock."""
    from bigpato_magic import googlesql

    made = None
    while time.monotonic() < until:
        # A person's Ctrl-C may come at any moment, also between two cells.
        with suppress(KeyboardInterrupt):
            if made is None:
                googlesql.warm(background=False)
                made = Kernel(home, seed)
            made.step()


def prepare(home: Path) -> None:
    """The warehouse with version 0 of each table."""
    from bigpato_magic.demo import DemoWarehouse

    warehouse = DemoWarehouse(home / "warehouse", project="demo", dataset="shop", threads=1, memory_limit="500MB")
    warehouse.execute("CREATE SCHEMA shop")
    for table in TABLES.values():
        warehouse.execute(table.make)
    journal = Journal(home / "journal.jsonl")
    for table in TABLES.values():
        journal.note(kind="writing", table=table.name, version=0)
        journal.note(kind="written", table=table.name, version=0)
