"""What a rebalance would do: usage, copies, facts and limits in, a `Plan` out. Pure; `tier.rebalance.enact` carries it out.

Two policies. `lru` is the original's: the last used tables are local. `cost` (the default) reasons as one who hires
skis day by day: buy once the hire has cost as much as the skis. A table comes when BigQuery has cost what its transfer
costs; a changed copy is brought up to date when it has earned that; the least worth per byte makes room.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bigpato_magic.errors import BigPatoError, PermissionDenied, TableNotFound
from bigpato_magic.tier.freshness.verdict import difference, unproven
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.extent import Want, choose_extent, choose_refresh
from bigpato_magic.tier.policy.inputs import Candidate, Limits, PlanBuilder, PlanInputs
from bigpato_magic.tier.policy.score import Account, Objective, Prices
from bigpato_magic.traits import format_duration, format_money, format_size
from bigpato_magic.types import (
    STORED,
    PartitionFacts,
    Plan,
    Promotion,
    RefreshKind,
    TableCopy,
    TableFacts,
    TableId,
    TableUsage,
)

REFUSALS: dict[str, str] = {
    "excluded": "You excluded the table.",
    "external": "An external table: its rows are not in BigQuery, and change without a trace.",
    "missing": "The table does not exist.",
    "no-columns": "All its columns have policy tags or types that DuckDB cannot keep without loss.",
    "no-room": "What is here is worth more, pinned or in use, and nothing can make room.",
    "not-worth-it": "BigQuery has not cost as much for it yet as bringing it would.",
    "row-policies": "It has row-level security: a copy would be of the rows that one person may see at one moment.",
    "streaming": "Rows are being streamed into it, so a copy could never answer with max_staleness 0.",
    "too-big": "It is larger than the budget.",
    "unreadable": "BigQuery does not say what it is.",
    "view": "A view: its rows are those of other tables.",
}
"""Every code of a refusal, and what it means."""


def make_plan(
    *,
    usage: Mapping[TableId, TableUsage],
    copies: Sequence[TableCopy],
    facts: Mapping[TableId, TableFacts | BigPatoError],
    partitions: Mapping[TableId, Sequence[PartitionFacts]] | None = None,
    leased: Collection[str] = (),
    limits: Limits | None = None,
    prices: Prices | None = None,
    policy: str = "cost",
    pinned: Collection[TableId] = (),
    excluded: Collection[TableId] = (),
    now: datetime,
    wanted: Sequence[TableId] | None = None,
    streaming_ok: bool = False,
    append_only: Collection[TableId] = (),
    kept: int = 0,
) -> Plan:
    """What to promote, refresh, demote and refuse, each with its reason, bytes, price and expected gain.

    Args:
        usage: by table, as it weighs at `now`.
        copies: all that this principal has; an older one of the same table is superseded, and its room is free.
        facts: what BigQuery says now of used, held, pinned and wanted tables; a table without is left alone.
        partitions: of partitioned tables, where they were listed; without, such a table is brought whole.
        leased: ids of copies that a kernel uses: they never go.
        limits: budget and disk.
        prices: of queries, transfers and time.
        policy: `cost` or `lru`.
        pinned: held whatever they are worth.
        excluded: never held.
        now: by the server's clock.
        wanted: only these tables are brought or refreshed, without arithmetic; None for what the policy says.
        streaming_ok: `max_staleness` lets a table with a streaming buffer be served.
        append_only: tables whose rows, the person says, never change and never go.
        kept: bytes that kept relations take: copies have the room first, so all of it is theirs where they need it.

    Raises:
        ValueError: there is no such policy.
    """
    if policy not in POLICIES:
        raise ValueError(f"there is no policy {policy!r}: {', '.join(POLICIES)}")
    newest: dict[TableId, TableCopy] = {}
    for copy in sorted(copies, key=lambda c: (c.as_of, c.id)):
        newest[copy.table] = copy
    limits = limits or Limits()
    used = sum(copy.bytes for copy in copies)
    draft = PlanBuilder(limits.room(used + kept), used)
    for copy in copies:
        if newest[copy.table] is not copy and copy.id not in leased:
            draft.taken -= copy.bytes  # older versions go first where room is needed
    inputs = PlanInputs(
        usage, newest, facts, partitions or {}, leased, limits, prices or Prices(), pinned, excluded, now,
        tuple(wanted) if wanted is not None else None, streaming_ok, append_only,
    )  # fmt: skip
    _drop_what_must_go(inputs, draft)
    POLICIES[policy](inputs, draft)
    return Plan(tuple(draft.promote), tuple(draft.refresh), tuple(draft.demote), tuple(draft.refused))


# ------------------------------------------------------------------------------------------ both policies


def why_not(facts: TableFacts | BigPatoError, *, streaming_ok: bool = False) -> tuple[str, str] | None:
    """Why a table can have no copy, as the code and the sentence of a refusal; None where it can."""
    if isinstance(facts, BigPatoError):
        return ("missing" if isinstance(facts, TableNotFound) else "unreadable"), facts.message
    name, kind = facts.id.table, facts.version.kind
    if kind not in STORED:
        code = "external" if kind == "EXTERNAL" else "view"
        return code, f"{name} is {'an' if code == 'external' else 'a'} {kind.replace('_', ' ').lower()}"
    if facts.row_policies:
        return "row-policies", f"{name} has a row-level access policy"
    if facts.streaming and not streaming_ok:
        return "streaming", f"rows are being streamed into {name}"
    if not score.copyable(facts.columns):
        return "no-columns", f"{name} has no column that may be copied"
    return None


def _drop_what_must_go(s: PlanInputs, draft: PlanBuilder) -> None:
    """Copies that may never answer again."""
    for copy in s.copies.values():
        reason = "you excluded the table" if copy.table in s.excluded else _lost(s.facts.get(copy.table))
        if reason and copy.id not in s.leased:
            draft.drop(copy, reason)


def _lost(facts: TableFacts | BigPatoError | None) -> str | None:
    if isinstance(facts, TableNotFound | PermissionDenied):
        return f"its table cannot be read any more: {facts.message}"
    if isinstance(facts, TableFacts) and (facts.row_policies or facts.version.kind not in STORED):
        return (why_not(facts) or ("", "its table has changed"))[1]
    return None


def _candidates(s: PlanInputs, draft: PlanBuilder) -> list[Candidate]:
    """Every promotion and refresh that is possible; what is impossible is refused, and says why."""
    going = {demotion.copy.table for demotion in draft.demote if s.copies.get(demotion.copy.table) is demotion.copy}
    candidates = []
    for table in sorted({*s.usage, *s.copies, *s.pinned, *(s.wanted or ())}):
        facts = s.facts.get(table)
        if facts is None or not s.considered(table):
            continue
        if table in s.excluded:
            draft.refuse(table, "excluded", f"you excluded {table.table}")
            continue
        obstacle = why_not(facts, streaming_ok=s.streaming_ok)
        if obstacle is not None or isinstance(facts, BigPatoError):
            draft.refuse(table, *(obstacle or ("unreadable", "no facts")))
        elif table not in going:
            candidates += [c for c in [_candidate(s, facts, draft.room)] if c is not None]
    return candidates


def _candidate(s: PlanInputs, facts: TableFacts, room: float) -> Candidate | None:
    """What there is to do for a table that may be held; None where its copy is as it should be."""
    copy, usage, present = s.copies.get(facts.id), s.usage.get(facts.id), s.partitions.get(facts.id, ())
    want = choose_extent(usage, facts, present, copy.holding if copy else None, room / s.limits.disk_ratio)
    if copy is None:
        return _promotion(s, facts, want, None, "is not here yet")
    if copy.version.schema_digest != facts.version.schema_digest:
        return _promotion(s, facts, want, copy, "has another schema now")
    if not _holds(copy, want):
        return _promotion(s, facts, want, copy, "is read beyond what its copy holds")
    if difference(copy.version, facts.version) is None and not _unprovable(copy, facts):
        return None
    return _renewal(s, copy, facts, present)


def _holds(copy: TableCopy, want: Want) -> bool:
    parts = copy.holding.partitions
    known = {p.id for p in copy.partitions}
    enough = parts is None or (want.partitions is not None and want.partitions & known <= parts)
    return enough and want.names <= copy.holding.columns


def _unprovable(copy: TableCopy, facts: TableFacts) -> bool:
    """Equal as far as it goes, and yet freshness would not believe it: without etags, a copy made too soon."""
    return facts.version.created is not None and unproven(copy.bases[0], facts) is not None


def _promotion(s: PlanInputs, facts: TableFacts, want: Want, copy: TableCopy | None, why: str) -> Candidate:
    usage = s.usage.get(facts.id) or TableUsage(facts.id, 0, s.now)
    cost = score.transfer_cost(want.bytes, s.prices)
    credit = score.regret(usage, s.prices) + (score.earned(usage, s.prices) if copy else 0.0)
    size = want.bytes * s.limits.disk_ratio
    expected = score.expected(usage, s.prices)
    action = Promotion(
        facts, want.columns, want.partitions, f"{facts.id.table} {why}: {_because(s, usage)}", int(want.bytes),
        score.transfer_price(want.bytes, s.prices), expected.dollars, expected.seconds,
    )  # fmt: skip
    pays = s.asked_for(facts.id) or (usage.uses > 0 and credit >= cost)
    value = math.inf if s.asked_for(facts.id) else expected.worth(s.prices)
    return Candidate(action, size - (copy.bytes if copy else 0), size, value, pays, cost)


def _renewal(s: PlanInputs, copy: TableCopy, facts: TableFacts, present: Sequence[PartitionFacts]) -> Candidate:
    usage = s.usage.get(facts.id) or TableUsage(facts.id, 0, s.now)
    refresh = choose_refresh(copy, facts, present, s.prices, append_only=facts.id in s.append_only)
    expected = score.expected(usage, s.prices)
    cost = score.transfer_cost(refresh.bytes, s.prices)
    credit = score.regret(usage, s.prices) + score.earned(usage, s.prices)
    pays = s.asked_for(facts.id) or refresh.kind is RefreshKind.NOTHING or credit >= cost
    size = copy.bytes * facts.version.bytes / max(1, copy.version.bytes)
    value = math.inf if s.asked_for(facts.id) else expected.worth(s.prices)
    action = replace(refresh, gain=expected.dollars, gain_seconds=expected.seconds)
    return Candidate(action, size - copy.bytes, size, value, pays, cost)


def _because(s: PlanInputs, usage: TableUsage) -> str:
    if usage.table in s.pinned:
        return "you pinned it"
    if s.asked_for(usage.table):
        return "you asked for it"
    told = [_without(usage, s.prices), _with(usage, s.prices)]
    return "; ".join(filter(None, told)) or "nobody has asked for it since it was brought"


def _without(usage: TableUsage, prices: Prices) -> str:
    """The queries that no copy of it answered. BigQuery did, or a kept answer: so it is what they are worth there."""
    worth = " and ".join(_amounts(score.paid(usage, prices), prices.objective))
    count = f"{_queries(usage.paid_uses)} did without it" if usage.paid_uses else ""
    return f"{count}, worth {worth} on BigQuery" if count and worth else count


def _with(usage: TableUsage, prices: Prices) -> str:
    """The queries that its copy answered, and what that saved."""
    saved = " and ".join(_amounts(score.saved(usage, prices), prices.objective, " not billed", " not waited"))
    return (
        ", ".join(filter(None, (f"its copy answered {_queries(usage.saved_uses)}", saved))) if usage.saved_uses else ""
    )


def _queries(count: int) -> str:
    return "1 query" if count == 1 else f"{count} queries"


def _amounts(account: Account, objective: Objective, billed: str = "", waited: str = "") -> list[str]:
    """Money and time, each for itself; or time alone, where that is the objective."""
    money = [f"{format_money(account.dollars)}{billed}"] if objective is Objective.MONEY else []
    time = [f"about {format_duration(account.seconds)}{waited}"] if account.seconds >= 0.05 else []
    return money + time


def _accept(draft: PlanBuilder, candidate: Candidate) -> None:
    draft.taken += candidate.disk
    if isinstance(candidate.action, Promotion):
        draft.promote.append(candidate.action)
    else:
        draft.refresh.append(candidate.action)


# ---------------------------------------------------------------------------------------------------- cost


def _cost(s: PlanInputs, draft: PlanBuilder) -> None:
    """Bring what has paid for itself, the densest first; the least dense copies make room for what is worth more."""
    for candidate in sorted(_candidates(s, draft), key=lambda c: (-c.density, c.table)):
        if not candidate.pays:
            draft.refuse(candidate.table, "not-worth-it", _not_yet(candidate, s.prices))
        elif candidate.size > draft.room:
            draft.refuse(candidate.table, "too-big", _too_big(candidate, draft.room))
        else:
            _make_room(s, draft, candidate)
    if draft.taken > draft.room:
        _shrink(s, draft)


def _make_room(s: PlanInputs, draft: PlanBuilder, candidate: Candidate) -> None:
    """Bring it if there is room, or if what must go is worth less: for good, or as long as this session lasts."""
    asked, usage = math.isinf(candidate.value), s.usage.get(candidate.table)
    soon = math.inf if asked else _gain_for_now(s, usage)
    chosen = _victims(s, draft, candidate, lambda copy: _loss_for_now(s, copy), soon)
    if chosen is None:
        for_good = math.inf if asked else candidate.value - candidate.cost
        chosen = _victims(s, draft, candidate, lambda copy: _worth(s, copy), for_good)
    if chosen is None:
        draft.refuse(candidate.table, "no-room", f"what is here is worth more than {candidate.table.table}")
        return
    for copy in chosen:
        draft.drop(copy, f"makes room for {candidate.table.table}, which is worth more")
    _accept(draft, candidate)


def _victims(
    s: PlanInputs, draft: PlanBuilder, candidate: Candidate, loss: Callable[[TableCopy], float], gain: float
) -> list[TableCopy] | None:
    """The copies that make room, the least worth per byte; None where there are not enough, or they are worth more."""
    missing = draft.taken + candidate.disk - draft.room
    if missing <= 0:
        return []
    possible = sorted(_removable(s, draft, candidate.table), key=lambda c: (loss(c) / max(1, c.bytes), c.as_of))
    chosen = _enough(possible, missing)
    return chosen if chosen and sum(map(loss, chosen)) < gain else None


def _enough(copies: Iterable[TableCopy], missing: float) -> list[TableCopy]:
    """The first of these that together make so much room, without those that need not go; none if all are too few."""
    chosen: list[TableCopy] = []
    for copy in copies:
        chosen.append(copy)
        missing -= copy.bytes
        if missing <= 0:
            break
    else:
        return []
    for copy in reversed(chosen[:-1]):
        if missing + copy.bytes <= 0:
            missing += copy.bytes
            chosen.remove(copy)
    return chosen


def _removable(s: PlanInputs, draft: PlanBuilder, besides: TableId | None = None) -> list[TableCopy]:
    """Copies that may make room: not leased, not asked for, and not part of the plan already."""
    kept = {besides, *(p.facts.id for p in draft.promote), *(r.facts.id for r in draft.refresh)}
    kept |= {d.copy.table for d in draft.demote}
    return [c for c in s.copies.values() if c.table not in kept and c.id not in s.leased and not s.asked_for(c.table)]


def _worth(s: PlanInputs, copy: TableCopy) -> float:
    """Dollars that a copy is expected to save."""
    usage = s.usage.get(copy.table)
    return score.gain(usage, s.prices) if usage else 0.0


def _gain_for_now(s: PlanInputs, usage: TableUsage | None) -> float:
    """Dollars that a newcomer saves while the present time of work with it lasts; its account has paid the transfer."""
    return score.gain_of_burst(usage, s.usual_burst, s.prices) if usage else 0.0


def _loss_for_now(s: PlanInputs, copy: TableCopy) -> float:
    """Dollars that are lost where a copy goes now and may come back: what it would save meanwhile, and its return."""
    usage = s.usage.get(copy.table)
    if usage is None:
        return 0.0
    meanwhile = score.at_work(usage, s.now) * score.gain_of_burst(usage, s.usual_burst, s.prices)
    back = score.transfer_cost(copy.version.bytes, s.prices)
    return max(meanwhile, score.gain_soon(usage, s.prices)) + min(score.gain(usage, s.prices), back)


def _shrink(s: PlanInputs, draft: PlanBuilder) -> None:
    """The budget was lowered, or the disk fills up: the least worth goes until the rest fits."""
    for copy in sorted(_removable(s, draft), key=lambda c: (_worth(s, c) / max(1, c.bytes), c.as_of)):
        if draft.taken <= draft.room:
            return
        draft.drop(copy, f"the copies take more than {format_size(draft.room)}")


def _not_yet(candidate: Candidate, prices: Prices) -> str:
    action = candidate.action
    takes = format_duration(action.bytes / prices.transfer_speed)
    free = prices.objective is Objective.TIME and not action.price
    costs = "" if free else f"costs {format_money(action.price)} and "
    return f"{action.reason}; bringing it {costs}takes about {takes}, so not yet"


def _too_big(candidate: Candidate, room: float) -> str:
    return f"{candidate.table.table} takes about {format_size(candidate.size)}, there is room for {format_size(room)}"


# ----------------------------------------------------------------------------------------------------- lru


def _lru(s: PlanInputs, draft: PlanBuilder) -> None:
    """The last used tables are local, up to the capacity; the others go. As the original did, within the budget."""
    recent = sorted(s.usage.values(), key=lambda u: (u.last_used, u.table), reverse=True)
    order = list(dict.fromkeys([*s.pinned, *(s.wanted or ()), *(u.table for u in recent)]))
    possible = {c.table: c for c in _candidates(s, draft)}
    keep = [t for t in order if t in possible or t in s.copies][: max(s.limits.capacity, len(s.pinned))]
    if s.wanted is None:
        for copy in s.copies.values():
            gone = any(d.copy is copy for d in draft.demote)
            if not gone and copy.table not in keep and copy.id not in s.leased:
                draft.drop(copy, f"not among the {s.limits.capacity} last used tables")
    for candidate in (possible[t] for t in keep if t in possible):
        if candidate.size > draft.room:
            draft.refuse(candidate.table, "too-big", _too_big(candidate, draft.room))
        elif draft.taken + candidate.disk > draft.room:
            draft.refuse(candidate.table, "no-room", f"the tables used after {candidate.table.table} fill the budget")
        else:
            _accept(draft, candidate)
    if draft.taken > draft.room:
        _shrink(s, draft)


POLICIES = {"cost": _cost, "lru": _lru}
"""By name."""

__all__ = ["POLICIES", "REFUSALS", "Limits", "make_plan", "why_not"]
