"""What holding a table is worth, and what bringing it costs, in dollars. Pure arithmetic over usage, facts and prices.

Seconds count too: `Prices.dollars_per_hour` says what an hour of waiting is worth; and where `Prices.objective` is time,
they alone do. Only `Account.worth` weighs one against the other. What follows is `tier.policy.plan`'s.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bigpato_magic.types import (
    FIXED_BYTES,
    Column,
    Kind,
    PartitionFacts,
    SqlType,
    TableFacts,
    TableId,
    TableUsage,
)

MIB = 2**20
DAY = 86400.0
HALF_LIFE = 2 * DAY
"""Seconds after which a use counts half: work moves on within days."""
SESSION = 3600.0
"""Half-life, in seconds, of what is in use just now; after as long without a table, a time of work with it has ended."""
TIB = 2**40


class Objective(StrEnum):
    """What a person wants less of."""

    MONEY = "money"
    """Bytes billed, with waiting at its price: for queries on demand."""
    TIME = "time"
    """Waiting alone: slots of an edition or a reservation are paid for by the hour, whatever a query reads.
    https://docs.cloud.google.com/bigquery/docs/editions-intro"""


@dataclass(frozen=True, slots=True)
class Prices:
    """What things cost. The defaults are Google's list prices (https://cloud.google.com/bigquery/pricing).

    Args:
        query_per_tib: dollars for a TiB that queries bill on demand.
        query_minimum: bytes that a query bills at least for each table it reads.
        read_per_tib: dollars for a TiB through the Storage Read API beyond the free allowance.
        read_free: bytes of this month's allowance that are left.
        dollars_per_hour: what an hour of waiting for answers is worth.
        background: share of that for an hour of transfer, which nobody waits for.
        transfer_speed: bytes a second that a transfer brings.
        local_seconds: that a local answer takes.
        objective: what is weighed: money with time at its price, or time alone.
    """

    query_per_tib: float = 6.25
    query_minimum: int = 10 * MIB
    read_per_tib: float = 1.10
    read_free: float = 300.0 * TIB
    dollars_per_hour: float = 2.0
    background: float = 0.05
    transfer_speed: float = 50e6
    local_seconds: float = 0.1
    objective: Objective = Objective.MONEY


@dataclass(frozen=True, slots=True)
class Account:
    """Money and time, each for itself: only a decision weighs one against the other.

    Args:
        dollars: that were billed, or not.
        seconds: that somebody waited, or did not have to.
    """

    dollars: float
    seconds: float

    def worth(self, prices: Prices) -> float:
        """In dollars: both, time at what an hour of it is worth; or time alone, where that is the objective.

        Of time alone an hour without a price counts a dollar: only what is compared with another hour counts then.
        """
        hours = self.seconds / 3600
        if prices.objective is Objective.TIME:
            return hours * (prices.dollars_per_hour or 1.0)
        return self.dollars + hours * prices.dollars_per_hour


@dataclass(frozen=True, slots=True)
class Use:
    """One query's use of one table.

    Args:
        table: which.
        bytes: that BigQuery billed for it, or would have; nothing where its result cache has the answer.
        seconds: that the query took on BigQuery; None for a local answer.
        columns: lower-case names that were read, None where unknown.
        partitions: ids that were read, None for all or unknown.
    """

    table: TableId
    bytes: float
    seconds: float | None
    columns: frozenset[str] | None = None
    partitions: frozenset[str] | None = None

    @property
    def local(self) -> bool:
        """Answered here."""
        return self.seconds is None


# ------------------------------------------------------------------------------------------------ habits


def used(usage: TableUsage | None, use: Use, at: datetime, half_life: float) -> TableUsage:
    """The usage of a table after one more use. Columns and partitions are gathered (None of partitions is all).

    Args:
        usage: so far, None for a table that was never used.
        use: the new one.
        at: when.
        half_life: seconds after which a use counts half.
    """
    before = decayed(usage, at, half_life) if usage else TableUsage(use.table, 0, at, partitions=frozenset())
    known, seconds = before.uses > 0, before.seconds_per_query
    if use.seconds is not None:
        seconds = use.seconds if seconds == 0 else seconds + (use.seconds - seconds) / 4
    parts = None if before.partitions is None or use.partitions is None else before.partitions | use.partitions
    return replace(
        before,
        uses=before.uses + 1,
        last_used=at,
        score=before.score + use.bytes,
        weight=before.weight + 1,
        recent=before.recent + use.bytes,
        recent_weight=before.recent_weight + 1,
        columns=_both(before.columns if known else None, use.columns, known),
        partitions=parts,
        seconds_per_query=seconds,
        paid=before.paid + (0 if use.local else use.bytes),
        paid_uses=before.paid_uses + (not use.local),
        saved=before.saved + (use.bytes if use.local else 0),
        saved_uses=before.saved_uses + use.local,
        not_billed=before.not_billed + (use.bytes if use.local else 0),
        bursts=before.bursts + (usage is None or (at - usage.last_used).total_seconds() > SESSION),
    )


def _both(old: frozenset[str] | None, new: frozenset[str] | None, known: bool) -> frozenset[str]:
    """Columns of both; an empty set stands for all of them."""
    if not known:
        return new or frozenset()
    return old | new if old and new else frozenset()


def decayed(usage: TableUsage, at: datetime, half_life: float) -> TableUsage:
    """The usage as it weighs at a later instant: `score` and `weight` halve with every half-life, `recent` sooner."""
    seconds = max(0.0, (at - usage.last_used).total_seconds())
    factor, soon = 0.5 ** (seconds / half_life), 0.5 ** (seconds / SESSION)
    return replace(
        usage,
        score=usage.score * factor,
        weight=usage.weight * factor,
        recent=usage.recent * soon,
        recent_weight=usage.recent_weight * soon,
    )


def after_transfer(usage: TableUsage, moved: float, whole: float, prices: Prices) -> TableUsage:
    """The usage after a transfer of `moved` bytes for a copy of `whole` bytes: its price is taken from the account.

    What is left pays for refreshes to come, up to the price of one whole transfer, or of the one query that would bring
    it back: a table that earned its keep is kept up, and one that nobody uses any more soon is not.
    """
    before = regret(usage, prices) + earned(usage, prices)
    most = max(transfer_cost(whole, prices), _worth_of_use(usage, prices))
    left = min(max(0.0, before - transfer_cost(moved, prices)), most)
    return replace(usage, paid=0.0, paid_uses=0, saved=0.0, saved_uses=0, credit=left)


# --------------------------------------------------------------------------------------------- in dollars


def billed(size: float, prices: Prices) -> int:
    """Bytes that a query bills for a table of which it reads `size`: whole MiB, and a minimum. Nothing for nothing."""
    return max(prices.query_minimum, math.ceil(size / MIB) * MIB) if size > 0 else 0


def query_price(bytes_billed: float, prices: Prices) -> float:
    """Dollars that BigQuery asks for these bytes."""
    return bytes_billed / TIB * prices.query_per_tib


def transfer_price(size: float, prices: Prices) -> float:
    """Dollars that Google asks for reading so much; nothing within the free allowance."""
    return max(0.0, size - prices.read_free) / TIB * prices.read_per_tib


def transfer_cost(size: float, prices: Prices) -> float:
    """Dollars for a transfer: its price, and the worth of the time that it takes in the background."""
    seconds = size / prices.transfer_speed * prices.background
    return Account(transfer_price(size, prices), seconds).worth(prices)


def gain(usage: TableUsage, prices: Prices) -> float:
    """Dollars that holding the table is expected to save over the next days, if habits last.

    Uses that come at a steady rate have a decayed sum of rate × half-life / ln 2: what the same rate brings in as long,
    which is about one and a half half-lives.
    """
    return expected(usage, prices).worth(prices)


def expected(usage: TableUsage, prices: Prices) -> Account:
    """What `gain` is made of: dollars not billed, and seconds not waited."""
    return Account(query_price(usage.score, prices), usage.weight * _seconds_saved(usage, prices))


def gain_soon(usage: TableUsage, prices: Prices) -> float:
    """Dollars that holding the table is expected to save over the next hours, if the present session goes on."""
    return Account(query_price(usage.recent, prices), usage.recent_weight * _seconds_saved(usage, prices)).worth(prices)


def gain_of_burst(usage: TableUsage, usual: float, prices: Prices) -> float:
    """Dollars that the rest of a time of work with the table, which has just begun, is expected to save.

    How many queries are still to come does not depend on how many there were (a geometric law), so it is what such
    times had so far: the table's own, and where there were few of them, the person's usual one.

    Args:
        usage: of the table.
        usual: queries of one time of work with any table.
        prices: of queries and time.
    """
    length = (usage.uses + usual) / (usage.bursts + 1)
    return max(0.0, length - 1) * _worth_of_use(usage, prices)


def _worth_of_use(usage: TableUsage, prices: Prices) -> float:
    """Dollars that one query of the table saves where it is here."""
    return gain(usage, prices) / usage.weight if usage.weight else 0.0


def at_work(usage: TableUsage, now: datetime) -> float:
    """How likely it is, 0 to 1, that the time of work with the table goes on."""
    return max(0.0, 1 - (now - usage.last_used).total_seconds() / SESSION)


def regret(usage: TableUsage, prices: Prices) -> float:
    """What BigQuery cost since the table was last brought here, time included, in dollars."""
    return paid(usage, prices).worth(prices)


def paid(usage: TableUsage, prices: Prices) -> Account:
    """What BigQuery cost since the table was last brought here: dollars billed, and seconds that a copy would save."""
    return Account(query_price(usage.paid, prices), usage.paid_uses * _seconds_saved(usage, prices))


def earned(usage: TableUsage, prices: Prices) -> float:
    """What the copy has saved since it was last brought here, and what was left then, time included, in dollars."""
    return usage.credit + saved(usage, prices).worth(prices)


def saved(usage: TableUsage, prices: Prices) -> Account:
    """What the copy has saved since it was last brought here: dollars not billed, and seconds not waited."""
    return Account(query_price(usage.saved, prices), usage.saved_uses * _seconds_saved(usage, prices))


def _seconds_saved(usage: TableUsage, prices: Prices) -> float:
    """Seconds that one local answer spares, by what such a query takes on BigQuery."""
    return max(0.0, usage.seconds_per_query - prices.local_seconds)


# ------------------------------------------------------------------------------------------------- sizes


def column_bytes(facts: TableFacts) -> dict[str, float]:
    """Logical bytes of each column, by lower-case name.

    Exact for values of fixed size without NULLs; the columns of varying size share what is left of the table's bytes.
    """
    rows, total = facts.version.rows, float(facts.version.bytes)
    fixed = {c.name.lower(): _width(c.type) * rows for c in facts.columns}
    varying = [name for name, size in fixed.items() if size == 0]
    rest = max(0.0, total - sum(fixed.values()))
    sizes = {name: rest / len(varying) if size == 0 else float(size) for name, size in fixed.items()}
    claimed = sum(sizes.values())
    return {name: size * total / claimed for name, size in sizes.items()} if claimed > total else sizes


def _width(kind: SqlType) -> int:
    if kind.kind is Kind.STRUCT and kind.fields:
        widths = [_width(f.type) for f in kind.fields]
        return sum(widths) if all(widths) else 0
    return FIXED_BYTES.get(kind.kind, 0)


def read_bytes(
    facts: TableFacts,
    columns: Collection[str],
    partitions: Collection[str] | None = None,
    present: Iterable[PartitionFacts] = (),
) -> float:
    """Logical bytes of these columns of these partitions (None for all); estimated, whole columns are billed.

    Args:
        facts: of the table.
        columns: lower-case names; those that the schema does not have count nothing.
        partitions: ids.
        present: the table's partitions; without them a restriction to partitions cannot be weighed, and all count.
    """
    size = sum(size for name, size in column_bytes(facts).items() if name in columns)
    return size * partition_share(partitions, present)


def partition_share(partitions: Collection[str] | None, present: Iterable[PartitionFacts]) -> float:
    """Which share of a table's bytes these partitions have, 0 to 1; 1 where it cannot be told."""
    sizes = {p.id: max(p.bytes, p.rows) for p in present}
    total = sum(sizes.values())
    if partitions is None or total == 0:
        return 1.0
    return sum(size for name, size in sizes.items() if name in partitions) / total


def shares(bytes_billed: float, estimates: Mapping[TableId, float]) -> dict[TableId, float]:
    """A query's billed bytes, divided among its tables as their estimated reads are."""
    total = sum(estimates.values())
    return {table: bytes_billed * (size / total if total else 1 / len(estimates)) for table, size in estimates.items()}


def copyable(columns: Iterable[Column]) -> tuple[Column, ...]:
    """The columns that a copy may hold: no policy tag, no collation, and of a type that DuckDB keeps without loss."""
    free = (c for c in columns if not c.policy_tagged and not c.collation and PICOSECONDS not in c.parameters)
    return tuple(c for c in free if all(t.kind not in UNCOPYABLE for t in c.type.walk()))


PICOSECONDS = ("timestamp_precision", 12)
"""Of a TIMESTAMP whose last six digits DuckDB would lose."""


UNCOPYABLE = frozenset({Kind.BIGNUMERIC, Kind.GEOGRAPHY, Kind.RANGE, Kind.INTERVAL})
"""DuckDB reads BIGNUMERIC as a double without a word, and has no exact counterpart of the others."""
