"""What an exploration costs: `python -m benchmarks.session [--scale 0.1] [--directory DIR] [--json OUT]`.

Plays the cells of `benchmarks.session_cells` over the demo's TPC-DS warehouse in four ways: BigQuery alone without any cache;
with its own result cache (the same text within a day over unchanged tables, by the product's rule); a client with copies
only; a client with all that it does by default. Both clients rebalance where the session says so.

Bytes billed are the demo warehouse's, counted as BigQuery counts. Seconds are a model, so that a busy machine spoils nothing:
on BigQuery one, and one for each 2 GB that are read; here 0.05, and a fifth as much for what is read; by Storage Read half a
second, and one for each 50 MB that come. What a part
saves is what its cells bill on BigQuery alone. Every answer is compared with that of BigQuery alone at the same step: in order
where the text has an ORDER BY; where it has a LIMIT and none, any rows of the whole answer are right. One that equals an answer
of before a change is stale. It exits with 1 if there is a wrong or stale answer.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.policy_world import PRICES, Read, cloud_seconds, local_seconds
from benchmarks.session_cells import CHANGE, NIGHT, REBALANCE, RESTART, Step, played
from bigpato_magic.client import BigPato
from bigpato_magic.tier.journal.result_cache import Answer as CachedAnswer
from bigpato_magic.tier.journal.result_cache import CacheKey, tables_digest
from bigpato_magic.tier.policy import score
from bigpato_magic.traits import format_duration, format_money, format_size
from bigpato_magic.types import QueryResult, RunLocal, RunOnBigQuery, RunRead, TableFacts
from bigpato_magic.warehouse.base import QueryOptions

DATASET = "tpcds"
BETWEEN = timedelta(seconds=90)
"""From one cell to the next."""

OVERNIGHT = timedelta(hours=40)

BILLED = "BigQuery"
CACHE = "BigQuery's cache"
KEPT = "kept answers"
COPIES = "copies"
READ = "Storage Read"

_ORDERED = re.compile(r"\bORDER BY\b[^)]*$", re.IGNORECASE)
_LIMITED = re.compile(r"\s+LIMIT\s+\d+\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell that ran.

    Args:
        part: what answered it.
        billed: bytes.
        seconds: by the model.
        arrow: its rows.
    """

    part: str
    billed: int
    seconds: float
    arrow: Any


@dataclass(frozen=True, slots=True)
class Alone:
    """One cell as BigQuery alone answers it.

    Args:
        cell: what it cost.
        read: bytes that it read.
        tables: digest of its tables and their versions.
        at: when, seconds since the epoch.
        whole: all rows, where a LIMIT without ORDER BY lets BigQuery choose.
    """

    cell: Cell
    read: int
    tables: str
    at: float
    whole: Any = None


@dataclass(slots=True)
class Way:
    """What one way of playing the session cost.

    Args:
        cells: that ran, in order.
        moved: bytes that rebalances brought.
        wrong: texts whose answer was another one.
        stale: texts whose answer was that of before a change.
    """

    cells: list[Cell] = field(default_factory=list)
    moved: int = 0
    wrong: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    @property
    def billed(self) -> int:
        """Bytes."""
        return sum(cell.billed for cell in self.cells)

    @property
    def seconds(self) -> float:
        """That somebody waited."""
        return sum(cell.seconds for cell in self.cells)

    @property
    def unbilled(self) -> float:
        """Share of cells that billed nothing."""
        return sum(not cell.billed for cell in self.cells) / len(self.cells)


def on_bigquery(size: int) -> float:
    """Seconds that BigQuery takes for a query that reads so many bytes."""
    return cloud_seconds({"": Read(frozenset(), size)})


def here(size: int) -> float:
    """Seconds that this machine takes for it."""
    return local_seconds({"": Read(frozenset(), size)})


def reading(size: int) -> float:
    """Seconds until so many bytes have come by Storage Read."""
    return 0.5 + size / PRICES.transfer_speed


# ------------------------------------------------------------------------------------------- the warehouse


def generated(home: Path, scale: float) -> None:
    """TPC-DS in a directory."""
    from bigpato_magic.demo import open_warehouse

    open_warehouse(home, datasets=(DATASET,), scale=scale).close()


@dataclass(slots=True)
class Place:
    """A warehouse of one way's own, whose clock goes on with the session."""

    home: Path
    warehouse: Any = None

    def __post_init__(self) -> None:
        from bigpato_magic.demo import open_warehouse

        offset = self.warehouse.clock_offset if self.warehouse else timedelta(0)
        self.warehouse = open_warehouse(self.home)
        self.warehouse.clock_offset = offset

    def later(self, step: Step) -> None:
        """Time goes by; what happens to the warehouse happens."""
        self.warehouse.clock_offset += OVERNIGHT if step.event == NIGHT else BETWEEN
        if step.event == CHANGE:
            self.warehouse.execute(step.sql)
        if step.event == NIGHT:  # the demo's result cache is as old as its object: BigQuery's has forgotten by now
            self.warehouse.close()
            self.__post_init__()


# -------------------------------------------------------------------------------------------- BigQuery alone


def alone(place: Place, steps: Sequence[Step]) -> list[Alone]:
    """Every cell on BigQuery, without its cache: what all other ways are compared with."""
    answers = []
    for step in steps:
        place.later(step)
        if step.cell:
            answers.append(_alone(place.warehouse, step.sql))
    return answers


def _alone(warehouse: Any, sql: str) -> Alone:
    result = warehouse.query(sql, dataset=(warehouse.project, DATASET), options=QueryOptions(use_query_cache=False))
    facts = warehouse.facts(result.tables)
    versions = {table: f.version for table, f in facts.items() if isinstance(f, TableFacts)}
    any_rows = _LIMITED.search(sql) and not _ORDERED.search(sql)
    whole = warehouse.execute(_LIMITED.sub("", sql)) if any_rows else None
    cell = Cell(BILLED, result.bytes_billed, on_bigquery(result.bytes_processed), result.arrow)
    return Alone(cell, result.bytes_processed, tables_digest(versions), warehouse.now().timestamp(), whole)


def with_cache(steps: Sequence[Step], answers: Sequence[Alone]) -> Way:
    """BigQuery alone, with its own result cache by the product's rule."""
    cache: dict[str, CachedAnswer] = {}
    way = Way()
    for step, answer in zip(_cells(steps), answers, strict=True):
        before = cache.get(step.sql)
        if before is not None and before.serves(CacheKey(step.sql, answer.tables), answer.at):
            way.cells.append(Cell(CACHE, 0, on_bigquery(0), answer.cell.arrow))
        else:
            cache[step.sql] = CachedAnswer(answer.tables, answer.at)
            way.cells.append(answer.cell)
    return way


def _cells(steps: Sequence[Step]) -> Iterator[Step]:
    return (step for step in steps if step.cell)


# ------------------------------------------------------------------------------------------------ a client


def with_client(place: Place, steps: Sequence[Step], answers: Sequence[Alone], settings: dict[str, Any]) -> Way:
    """The session through a client.

    Args:
        place: with the warehouse, and the tier in it.
        steps: of the session.
        answers: of BigQuery alone.
        settings: by class, as in a configuration file.
    """
    way, client, expected = Way(), _client(place, settings), iter(answers)
    seen: dict[str, list[Alone]] = {}
    for step in steps:
        if step.event in (RESTART, NIGHT):
            client.close()
        place.later(step)
        if step.event in (RESTART, NIGHT):
            client = _client(place, settings)
        if step.event == REBALANCE:
            plan = client.rebalance()
            way.moved += sum(action.bytes for action in (*plan.promote, *plan.refresh))
        if step.cell:
            answer = next(expected)
            way.cells.append(_run(client, step.sql, answer))
            _check(way, step.sql, answer, seen.setdefault(step.sql, []))
    client.close()
    return way


def _client(place: Place, settings: dict[str, Any]) -> BigPato:
    from traitlets.config import Config

    where = {"project": place.warehouse.project, "dataset": DATASET, "directory": str(place.home / "tier")}
    return BigPato(warehouse=place.warehouse, config=Config(settings), **where)


def _run(client: BigPato, sql: str, answer: Alone) -> Cell:
    """Run a cell, and wait until what it leaves for the background is done, as it is when a person has read the answer."""
    result = client.run(sql)
    opened = client.tier.open()
    opened.keeper.settle()
    opened.database.settle()
    part = part_of(result)
    size = {BILLED: answer.read, COPIES: answer.read, READ: result.bytes_read}.get(part, 0)
    model = {BILLED: on_bigquery, CACHE: on_bigquery, READ: reading}.get(part, here)
    return Cell(part, result.bytes_billed, model(size), result.arrow)


def part_of(result: QueryResult) -> str:
    """What answered a query."""
    if isinstance(result.decision, RunOnBigQuery):
        return CACHE if result.cache_hit else BILLED
    if isinstance(result.decision, RunRead):
        return READ
    if any(copy.source is not None for copy in result.decision.copies):
        return KEPT
    return COPIES if isinstance(result.decision, RunLocal) else result.decision.where


# ------------------------------------------------------------------------------------------------ comparing


def _check(way: Way, sql: str, answer: Alone, before: list[Alone]) -> None:
    mine = way.cells[-1].arrow
    if not same(mine, answer, sql):
        stale = any(same(mine, old, sql) for old in before)
        (way.stale if stale else way.wrong).append(sql)
    before.append(answer)


def same(mine: Any, answer: Alone, sql: str) -> bool:
    """Whether rows are what BigQuery alone answers: in its order, in any, or any of them where it may choose."""
    theirs = answer.cell.arrow
    if mine.column_names != theirs.column_names or len(mine) != len(theirs):
        return False
    if answer.whole is not None:
        return _within(mine, answer.whole)
    order: Callable[[Any], Any] = list if _ORDERED.search(sql) else sorted
    left, right = (order(map(repr, table.to_pylist())) for table in (mine, theirs))
    return bool(left == right)


def _within(mine: Any, whole: Any) -> bool:
    """Whether all rows of one are in the other, as often."""
    import duckdb

    with duckdb.connect() as con:
        con.register("mine", mine)
        con.register("whole", whole)
        return not con.execute("SELECT 1 FROM (SELECT * FROM mine EXCEPT ALL SELECT * FROM whole)").fetchall()


# ------------------------------------------------------------------------------------------------ printing

COPIES_ONLY = {"Keep": {"on": False}, "BigPato": {"look_below": 0}}
WAYS: dict[str, dict[str, Any]] = {"copies only": COPIES_ONLY, "all": {}}
"""Settings of each client."""


def play(home: Path, scale: float, steps: Sequence[Step]) -> dict[str, Way]:
    """All four ways, each over the same warehouse."""
    generated(home / "generated", scale)

    def place(name: str) -> Place:
        shutil.copytree(home / "generated", home / name)
        return Place(home / name)

    answers = alone(place("alone"), steps)
    ways = {"alone": Way([answer.cell for answer in answers]), "own cache": with_cache(steps, answers)}
    for name, settings in WAYS.items():
        ways[name] = with_client(place(name), steps, answers, settings)
    return ways


def table(ways: dict[str, Way]) -> str:
    """Each way's line."""
    base = ways["alone"]
    lines = [
        f"{'':12} {'billed':>10} {'':>5} {'money':>9} {'waited':>8} {'unbilled':>9} {'moved':>10} {'wrong':>6} {'stale':>6}"
    ]
    for name, way in ways.items():
        money = format_money(score.query_price(way.billed, PRICES))
        lines.append(
            f"{name:12} {format_size(way.billed):>10} {way.billed / base.billed:5.0%} {money:>9} "
            f"{format_duration(way.seconds):>8} {way.unbilled:9.0%} {format_size(way.moved):>10} {len(way.wrong):6} "
            f"{len(way.stale):6}"
        )
    return "\n".join(lines)


def shares(ways: dict[str, Way]) -> dict[str, dict[str, tuple[int, float]]]:
    """For each way and part: cells that it answered, and their share of what is billed on BigQuery alone."""
    base = ways["alone"]
    found: dict[str, dict[str, tuple[int, float]]] = {}
    for name, way in ways.items():
        cells: Counter[str] = Counter(cell.part for cell in way.cells)
        size: Counter[str] = Counter()
        for cell, before in zip(way.cells, base.cells, strict=True):
            size[cell.part] += before.billed
        found[name] = {part: (count, size[part] / base.billed) for part, count in cells.most_common()}
    return found


def report(ways: dict[str, Way]) -> dict[str, Any]:
    """All numbers, for a file."""
    parts = shares(ways)
    return {
        name: {
            "billed": way.billed,
            "seconds": way.seconds,
            "unbilled": way.unbilled,
            "moved": way.moved,
            "wrong": len(way.wrong),
            "stale": len(way.stale),
            "parts": parts[name],
        }
        for name, way in ways.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Play, print; exit with 1 if an answer was wrong or stale."""
    from bigpato_magic import googlesql

    parser = argparse.ArgumentParser(prog="python -m benchmarks.session", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scale", type=float, default=0.1, help="of TPC-DS; 1 is about 1 GB")
    parser.add_argument("--directory", type=Path, help="a new one for the data; default: one that goes afterwards")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    args = parser.parse_args(arguments)
    googlesql.warm(background=False)
    steps = played()
    with tempfile.TemporaryDirectory() as folder:
        ways = play(args.directory or Path(folder), args.scale, steps)
    print(f"{sum(1 for _ in _cells(steps))} cells, {sum(step.event == CHANGE for step in steps)} changes underneath\n")
    print(table(ways), end="\n\n")
    print("what answered, and its share of the bytes that BigQuery alone bills")
    for name, parts in shares(ways).items():
        told = (f"{part}: {count} cells, {share:.0%}" for part, (count, share) in parts.items())
        print(f"{name:12} {'; '.join(told)}")
    bad = [sql for way in ways.values() for sql in (*way.wrong, *way.stale)]
    for sql in bad:
        print(f"\nwrong or stale:\n{sql}", file=sys.stderr)
    if args.json:
        args.json.write_text(json.dumps(report(ways), indent=1))
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
