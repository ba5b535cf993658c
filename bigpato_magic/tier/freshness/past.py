"""Judge whether a copy is what its table was at an instant in the past. Pure: facts and sightings in, a verdict out.

A copy is its table's content from the table's last change on, until the last check that found the table unchanged. What
has changed since does not matter, but who asks must still be allowed to see the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bigpato_magic.errors import BigPatoError
from bigpato_magic.tier.freshness import verdict
from bigpato_magic.tier.freshness.verdict import SETTLED, Verdict
from bigpato_magic.types import Basis, Freshness, Instants, Reason, TableCopy, TableFacts, TableKind

REACH = timedelta(hours=47)
"""How far back BigQuery certainly reads a table: less than the shortest window that a dataset can have, two days.

https://cloud.google.com/bigquery/docs/time-travel#configure_the_time_travel_window
"""


def check(
    basis: Basis,
    past: Instants,
    facts: TableFacts | BigPatoError | None,
    *,
    seen: datetime | None,
    max_staleness: float,
    age: float,
) -> Verdict:
    """Whether a table was in the state `basis` all the while from `past.low` to `past.high`, and may be seen still.

    Args:
        basis: a state of the table.
        past: when it must have been in it.
        facts: the newest that BigQuery said of the table, the error it gave instead, or None where it said nothing.
        seen: when the table was last seen in that state, None if never.
        max_staleness: seconds that facts may be old, infinity where they need not be.
        age: seconds of the facts.
    """
    if isinstance(facts, BigPatoError) or (facts is None and max_staleness != float("inf")):
        return verdict.check(basis, facts, now=basis.as_of, max_staleness=max_staleness)
    if facts is not None and (against := _against(basis, facts)) is not None:
        return against
    if basis.version.modified + SETTLED > past.low:
        return _not_known(basis, past, "it has changed since then, or just then")
    until = _until(basis, facts, seen)
    # What was copied is this state if the table was seen in it after that.
    if until is None or until <= basis.as_of or until < past.high + SETTLED:
        return _not_known(basis, past, "nobody looked after that before it changed")
    return verdict.aged(basis, age, max_staleness)


def of_then(versions: Sequence[TableCopy], past: Instants) -> TableCopy:
    """The copy that may be the table of then: the newest whose state began before that; where none did, the newest.

    Args:
        versions: copies of one table, the newest first; at least one.
        past: when.
    """
    old_enough = (copy for copy in versions if copy.version.modified + SETTLED <= past.low)
    return read_then(next(old_enough, versions[0]), past)


def read_then(copy: TableCopy, past: Instants | None) -> TableCopy:
    """The same copy or kept relation, read in place of its tables as they were then; None for now."""
    source = copy.source and replace(copy.source, bases=tuple(replace(b, past=past) for b in copy.source.bases))
    return replace(copy, past=past, source=source)


def _against(basis: Basis, facts: TableFacts) -> Verdict | None:
    """What makes the table another one than that of then, or not to be seen."""
    forbidden = verdict.not_to_be_seen(basis, facts)
    if forbidden is not None:
        return Freshness.STALE, Reason("gone", f"{basis.table.table} {forbidden}", basis.table)
    old, new = basis.version, facts.version
    if old.created is None or new.created is None:
        return Freshness.UNKNOWN, Reason("as-of", f"nobody says when {basis.table.table} was created", basis.table)
    if (old.created, old.kind) != (new.created, new.kind):
        return Freshness.STALE, Reason("gone", f"{basis.table.table} was deleted and created again", basis.table)
    if old.schema_digest != new.schema_digest:
        return Freshness.STALE, Reason("as-of", f"{basis.table.table} has another schema now", basis.table)
    if new.kind is not TableKind.TABLE:
        kind = new.kind.lower()
        return Freshness.UNKNOWN, Reason(
            "as-of", f"{basis.table.table} is a {kind}, whose past BigQuery knows", basis.table
        )
    if basis.facts.streaming:
        return Freshness.UNKNOWN, Reason(
            "streaming", f"rows were being streamed into {basis.table.table} when it was copied", basis.table
        )
    return None


def _until(basis: Basis, facts: TableFacts | None, seen: datetime | None) -> datetime | None:
    """When the table was last known to be in that state."""
    times = [seen] if seen is not None else []
    if facts is not None and is_sighting(facts) and facts.version == basis.version:
        times.append(facts.checked_at)
    return max(times, default=None)


def is_sighting(facts: TableFacts) -> bool:
    """Whether these facts tell the state of the table for certain: it has an etag, and no rows are on their way."""
    return facts.version.etag is not None and not facts.streaming


def _not_known(basis: Basis, past: Instants, why: str) -> Verdict:
    message = (
        f"what is here of {basis.table.table} is not known to be the table of {past.low:%Y-%m-%d %H:%M:%S} UTC: {why}"
    )
    return Freshness.UNKNOWN, Reason("as-of", message, basis.table)
