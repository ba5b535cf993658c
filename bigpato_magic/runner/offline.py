"""What a person can do where BigQuery cannot be reached: which copies are here, as of when, and what answers from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bigpato_magic.traits import format_instant
from bigpato_magic.types import Decision, Reason, RunOnBigQuery, RunRead, TableCopy

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
    as_of, _ = queries.facts.fresh_as_of(decision.copies)
    state = f", as of {format_instant(as_of)}" if as_of else ""
    one = len(decision.copies) == 1
    here = f"{_named(decision.copies)} {'is' if one else 'are'} here{state}"
    return f"{here}: --offline answers from {'it' if one else 'them'} (in a script, run(…, offline=True))"


def _named(copies: Sequence[TableCopy]) -> str:
    """What the copies are of, as a person reads it: tables, and answers of BigQuery over some."""
    tables = [copy.table.table for copy in copies if copy.source is None]
    whole = [f"{'a copy' if len(tables) == 1 else 'copies'} of {' and '.join(tables)}"] if tables else []
    return " and ".join([*whole, *(_answer(copy) for copy in copies if copy.source is not None)])


def _answer(kept: TableCopy) -> str:
    over = " and ".join(basis.table.table for basis in kept.bases)
    return f"a kept answer of {format_instant(kept.came)} over {over}"
