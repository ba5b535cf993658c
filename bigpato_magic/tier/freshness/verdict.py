"""Judge whether a copy may answer now. Pure: what it rests on, what BigQuery says now, and clocks in; a verdict out.

A table's copy rests on one table, a kept relation on each that its query read: all of them must be as they were.

Who asks BigQuery, how often, and which statements made copies stale is left to `tier.freshness.facts`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bigpato_magic.errors import BigPatoError, PermissionDenied, TableNotFound, WarehouseUnavailable
from bigpato_magic.traits import format_duration
from bigpato_magic.types import (
    STORED,
    Basis,
    Freshness,
    Reason,
    TableFacts,
    TableId,
    TableVersion,
)

Verdict = tuple[Freshness, Reason | None]

SETTLED = timedelta(seconds=2)
"""Without an etag, a copy made this soon after its table's last change proves nothing: modified times have a grain,
so a second change within it would leave the time as it was."""

LONGEST_CHECK = 600.0
"""Seconds that a check may come after the query that it is for; more means that a clock was set."""


@dataclass(frozen=True, slots=True)
class StaleMark:
    """A statement that went to BigQuery from this machine and may have changed tables.

    Args:
        number: grows with every mark; a check that was sent later has seen it.
        project: of the tables, '' for any.
        dataset: of the tables, '' for any.
        table: the only one that it may change, None where any of the dataset may be.
        statement: its kind, as BigQuery names it (`INSERT`, `SCRIPT`, …).
        at: instant by the server's clock.
        open: the statement has not been seen to end.
    """

    number: int
    project: str
    dataset: str
    table: str | None
    statement: str
    at: datetime
    open: bool = False

    def touches(self, table: TableId) -> bool:
        """Whether it may have changed that table."""
        mine = (self.project, self.dataset, self.table)
        theirs = (table.project, table.dataset, table.table)
        return all(not one or one == other for one, other in zip(mine, theirs, strict=True))


def check(
    basis: Basis,
    facts: TableFacts | BigPatoError | None,
    *,
    now: datetime,
    max_staleness: float,
    stale_marks: Iterable[StaleMark] = (),
    age: float | None = None,
) -> Verdict:
    """Whether what rests on `basis` may answer a query that was asked at `now`, and why not.

    It answers only while its table is known to be in that state still: the evidence is complete and equal, and no
    older than `max_staleness`. What is known to have changed never answers, whatever `max_staleness` says.

    Args:
        basis: the state of a table that the answer rests on.
        facts: the newest that BigQuery said, the error it gave instead, or None where it could not be asked.
        now: when the query was asked, by the server's clock.
        max_staleness: seconds; 0 asks for facts that were requested after the query, infinity for none at all.
        stale_marks: marks that are newer than `facts` (than the copy, where there are no facts).
        age: seconds of a monotonic clock from the request for `facts` to the query, negative if it came later; measured
            with `now` if None, which a wrong clock can spoil.

    Returns:
        FRESH and None (a reason of code `offline` where nothing was asked), STALE or UNKNOWN and the reason.
    """
    marks = [mark for mark in stale_marks if mark.touches(basis.table)]
    if any(not mark.open for mark in marks):
        return _stale(basis, f"changed by your own {marks[-1].statement}, and not checked since")
    if facts is None:
        return _unasked(basis, max_staleness, marks)
    if isinstance(facts, BigPatoError):
        return _failed(basis, facts)
    forbidden = not_to_be_seen(basis, facts)
    if forbidden is not None:
        return Freshness.STALE, Reason("gone", f"{basis.table.table} {forbidden}", basis.table)
    changed = difference(basis.version, facts.version)
    if changed is not None:
        return _stale(basis, changed)
    gap = unproven(basis, facts)
    if gap is not None:
        return _unknown(basis, gap)
    if facts.streaming:
        return _streaming(basis, now, max_staleness)
    age = (now - facts.checked_at).total_seconds() if age is None else age
    if age < -LONGEST_CHECK:
        return _unknown(basis, "the clock has gone back since it was checked")
    return aged(basis, age, 0.0 if marks else max_staleness)


def of_now(basis: Basis) -> Verdict:
    """Whether an answer may rest on a table as it is: the verdict on that state by its own facts."""
    return check(basis, basis.facts, now=basis.facts.checked_at, max_staleness=0.0, age=0.0)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on what rests on several tables: all must be as they were. What rests on none proves nothing.

    A stale one comes before an unknown one; of answers that nobody could verify, the longest unverified is told.
    """
    all_of_them = tuple(verdicts)
    for freshness in (Freshness.STALE, Freshness.UNKNOWN):
        for verdict in all_of_them:
            if verdict[0] is freshness:
                return verdict
    if not all_of_them:
        return Freshness.UNKNOWN, Reason("unchecked", "it is not known what the answer rests on")
    # Instants in a sentence sort as texts do.
    unverified = [reason for _, reason in all_of_them if reason is not None]
    return Freshness.FRESH, min(unverified, key=lambda reason: reason.message, default=None)


def _changed_by(rows: int) -> str:
    noun = "row" if abs(rows) == 1 else "rows"
    return f"{rows:,} {noun} more" if rows > 0 else f"{-rows:,} {noun} fewer"


def difference(old: TableVersion, new: TableVersion) -> str | None:
    """How two states of a table differ, by the evidence that both give; None where all of that is equal."""
    if old.kind != new.kind:
        return f"is a {new.kind.replace('_', ' ').lower()} now"
    if old.created is not None and new.created is not None and old.created != new.created:
        return "was deleted and created again"
    if old.schema_digest != new.schema_digest:
        return "has another schema now"
    if old.rows != new.rows:
        return f"has {_changed_by(new.rows - old.rows)} than when it was copied"
    if (old.modified, old.bytes) != (new.modified, new.bytes):
        return "has changed since it was copied"
    if old.etag is not None and new.etag is not None and old.etag != new.etag:
        return "has changed since it was copied (another etag)"
    return None


def not_to_be_seen(basis: Basis, facts: TableFacts) -> str | None:
    """A change of the table that takes the right to answer away, whatever the version says; None where there is none."""
    if facts.id != basis.table:
        return f"is not {facts.id}"
    if facts.version.kind not in STORED:
        return f"is a {facts.version.kind.replace('_', ' ').lower()} now"
    if facts.row_policies:
        return "has a row-level access policy"
    if facts.location.lower() != basis.location.lower():
        return f"is in {facts.location} now, another table of the same name"
    tagged = [c.name for c in facts.columns if c.policy_tagged and c.name.lower() in basis.columns]
    return f"has a policy tag on {tagged[0]}" if tagged else None


def unproven(basis: Basis, facts: TableFacts) -> str | None:
    """What is missing for a proof, where all known evidence is equal. Emulators and load jobs leave etags out."""
    old, new = basis.version, facts.version
    if old.etag is not None and new.etag is not None:
        return None
    if old.created is None or new.created is None:
        return "the server gives neither an etag nor a creation time that could tell a change"
    if basis.as_of - old.modified < SETTLED:
        return "it was copied so soon after a change that, without an etag, another change could hide"
    return None


def _unasked(basis: Basis, max_staleness: float, marks: list[StaleMark]) -> Verdict:
    if math.isinf(max_staleness) and not marks:
        return Freshness.FRESH, Reason("offline", f"unverified since {basis.as_of:%Y-%m-%d %H:%M} UTC", basis.table)
    return _unknown(basis, "BigQuery could not be asked whether it has changed")


def _failed(basis: Basis, error: BigPatoError) -> Verdict:
    if isinstance(error, TableNotFound):
        return Freshness.STALE, Reason("gone", f"{basis.table.table} does not exist any more", basis.table)
    if isinstance(error, PermissionDenied):
        return Freshness.STALE, Reason("gone", f"{basis.table.table} may not be seen any more", basis.table)
    if isinstance(error, WarehouseUnavailable):
        why = f"nobody can say whether {basis.table.table} has changed: {error.message}"
        return Freshness.UNKNOWN, Reason("unreachable", why, basis.table)
    return _unknown(basis, f"BigQuery could not say whether it has changed: {error.message}")


def _streaming(basis: Basis, now: datetime, max_staleness: float) -> Verdict:
    """Rows arrive without a new version, so only the copy's own age counts.

    BigQuery's own cache does not answer for such a table either: https://cloud.google.com/bigquery/docs/cached-results
    """
    if 0 <= (now - basis.as_of).total_seconds() < max_staleness:
        return Freshness.FRESH, None
    return Freshness.UNKNOWN, Reason("streaming", f"rows are being streamed into {basis.table.table}", basis.table)


def aged(basis: Basis, age: float, max_staleness: float) -> Verdict:
    """The verdict where all that is left to judge is how many seconds ago BigQuery was asked."""
    if age <= max_staleness:
        return Freshness.FRESH, None
    if max_staleness == 0:
        return _unknown(basis, "it has not been checked for this query yet")
    return _unknown(
        basis, f"its last check was {format_duration(age)} old, and {format_duration(max_staleness)} are allowed"
    )


def _stale(basis: Basis, how: str) -> Verdict:
    return Freshness.STALE, Reason("stale", f"{basis.table.table} {how}", basis.table)


def _unknown(basis: Basis, why: str) -> Verdict:
    return Freshness.UNKNOWN, Reason(
        "unchecked", f"what is here of {basis.table.table} is not used: {why}", basis.table
    )
