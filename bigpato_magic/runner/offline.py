"""What a person can do where BigQuery cannot be reached: which copies are here, as of when, and what answers from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bigpato_magic.traits import format_instant
from bigpato_magic.types import Decision, Reason, RunOnBigQuery, RunRead

if TYPE_CHECKING:
    from bigpato_magic.tier.query_access import QueryAccess

UNREACHABLE = "unreachable"
"""The code of the reason that nobody can say whether a copy is fresh."""


def way_out(queries: QueryAccess, decision: Decision, reasons: Sequence[Reason]) -> str | None:
    """The hint of an error that BigQuery cannot be reached; None for statements, which are BigQuery's anyway.

    Args:
        queries: knows up to when copies are fresh.
        decision: what was decided before the copies were checked.
        reasons: why no copy has answered.
    """
    if any(reason.code == "not-a-query" for reason in reasons):
        return None
    others = [reason.message for reason in reasons if reason.code not in (UNREACHABLE, "asked")]
    if others:
        return f"no copy can answer in its place: {'; '.join(dict.fromkeys(others))}"
    if isinstance(decision, RunOnBigQuery | RunRead) or not decision.copies:
        return None
    names = " and ".join(copy.table.table for copy in decision.copies)
    as_of, _ = queries.facts.fresh_as_of(decision.copies)
    state = f", as of {format_instant(as_of)}" if as_of else ""
    copies, it = ("a copy of {} is", "it") if len(decision.copies) == 1 else ("copies of {} are", "them")
    return f"{copies.format(names)} here{state}: --offline answers from {it} (in a script, run(…, offline=True))"
