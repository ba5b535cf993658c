"""What a rebalance would do, read without doing it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bigpato_magic.errors import PermissionDenied, TableNotFound, WarehouseUnavailable
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.extent import SMALL, choose_extent, choose_refresh
from bigpato_magic.tier.policy.kept import KeptUse, idle, weigh, worth
from bigpato_magic.tier.policy.plan import REFUSALS, Limits, make_plan
from bigpato_magic.tier.policy.score import Objective, Prices, copyable
from bigpato_magic.types import (
    Column,
    Holding,
    Kind,
    Part,
    PartitionFacts,
    Partitioning,
    PartitionUnit,
    QuerySource,
    RefreshKind,
    SqlType,
    TableCopy,
    TableFacts,
    TableId,
    TableKind,
    TableUsage,
    TableVersion,
    schema_digest,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GB = 10**9
COLUMNS = (Column("day", SqlType(Kind.DATE)), Column("a", SqlType(Kind.INT64)), Column("b", SqlType(Kind.STRING)))
PICOSECONDS = Column("at", SqlType(Kind.TIMESTAMP), parameters=(("timestamp_precision", 12),))
BY_DAY = Partitioning(PartitionUnit.DAY, "day")


def table(name):
    return TableId("p", "d", name)


def facts(name, size=GB, etag="e1", columns=COLUMNS, **more):
    rows = size // 100
    version = TableVersion(etag, NOW - timedelta(days=1), NOW - timedelta(days=9), rows, size, schema_digest(columns))
    return TableFacts(table(name), version, columns, NOW, **more)


def used(name, times=10, size=GB, hours=1.0, **more):
    total = times * size
    habit = TableUsage(
        table(name), times, NOW - timedelta(hours=hours), score=total, weight=times, recent=total, recent_weight=times,
        paid=total, paid_uses=times, seconds_per_query=2.0,
    )  # fmt: skip
    return replace(habit, **more)


def copy(of, disk=None, as_of=NOW, held=None, **more):
    names = frozenset(c.name for c in of.columns)
    part = Part(Path("x"), of.version.rows, disk or of.version.bytes, "")
    return TableCopy(
        f"copy_{of.id.table}", of.id, of.version, of.columns, held or Holding(names), (part,), as_of, "me",
        facts=of, **more,
    )  # fmt: skip


def plan(usage=(), copies=(), known=(), **more):
    more.setdefault("limits", Limits(budget=100 * GB, disk_ratio=1.0))
    return make_plan(usage={u.table: u for u in usage}, copies=copies, facts={f.id: f for f in known}, now=NOW, **more)


def promoted(found):
    return [p.facts.id.table for p in found.promote]


def refused(found):
    return {r.table.table: r.reason.code for r in found.refused}


def test_the_reason_says_money_as_money_and_seconds_as_seconds():
    dear = Prices(dollars_per_hour=1000.0)  # what is weighed so much must not look like money all the same
    step = plan([used("t", size=GB)], known=[facts("t")], prices=dear).promote[0]
    assert step.reason == "t is not here yet: 10 queries did without it, worth $0.057 and about 19.0 s on BigQuery"
    assert step.gain == pytest.approx(10 * GB / 2**40 * 6.25)
    assert step.gain_seconds == pytest.approx(10 * (2.0 - dear.local_seconds))


def test_who_pays_for_slots_holds_what_is_waited_for_and_not_what_is_billed():
    wide = used("wide", size=90 * GB, seconds_per_query=0.3)
    slow = used("slow", size=GB // 100, seconds_per_query=30.0)
    known, room = [facts("wide"), facts("slow")], Limits(budget=1.5 * GB, disk_ratio=1.0)
    assert promoted(plan([wide, slow], known=known, limits=room)) == ["wide"]
    assert promoted(plan([wide, slow], known=known, limits=room, prices=Prices(objective=Objective.TIME))) == ["slow"]


@pytest.mark.parametrize("hour", [0.0, 2.0, 50.0])
@pytest.mark.parametrize("price", [0.0, 6.25, 1000.0])
def test_with_time_as_the_objective_no_price_of_bytes_or_hours_changes_what_is_held(hour, price):
    prices = Prices(query_per_tib=price, dollars_per_hour=hour, objective=Objective.TIME)
    waited = used("waited", times=3, size=GB, seconds_per_query=5.0)
    billed = used("billed", times=1, size=900 * GB, seconds_per_query=0.1)
    found = plan([waited, billed], known=[facts("waited"), facts("billed")], prices=prices)
    assert (promoted(found), refused(found)) == (["waited"], {"billed": "not-worth-it"})


def test_with_time_as_the_objective_reasons_say_seconds_and_no_dollars():
    prices = Prices(objective=Objective.TIME)
    (step,) = plan([used("t")], known=[facts("t")], prices=prices).promote
    assert step.reason == "t is not here yet: 10 queries did without it, worth about 19.0 s on BigQuery"
    once = used("big", times=1, seconds_per_query=0.1)
    (found,) = plan([once], known=[facts("big", size=90 * GB)], prices=prices).refused
    assert found.reason.message == (
        "big is not here yet: 1 query did without it; bringing it takes about 30 min, so not yet"
    )


def test_what_does_not_pay_says_what_its_transfer_costs_and_how_long_it_takes():
    once = used("big", times=1, size=GB // 1000, seconds_per_query=0.1)
    (found,) = plan([once], known=[facts("big", size=90 * GB)]).refused
    assert found.reason.message.endswith(
        "$0.0000057 on BigQuery; bringing it costs $0 and takes about 30 min, so not yet"
    )


def test_what_a_copy_has_earned_is_told_apart_from_what_bigquery_has_billed():
    now, old = facts("t", etag="e2", columns=(*COLUMNS, PICOSECONDS)), facts("t")
    usage = used("t", paid_uses=1, paid=GB, saved=3 * GB, saved_uses=3, credit=5.0)
    step = plan([usage], [copy(old)], [now]).promote[0]
    assert step.reason == (
        "t has another schema now: 1 query did without it, worth $0.0057 and about 1.9 s on BigQuery; "
        "its copy answered 3 queries, $0.017 not billed and about 5.7 s not waited"
    )


def test_a_table_comes_when_bigquery_has_cost_what_its_transfer_costs():
    assert promoted(plan([used("hot")], known=[facts("hot")])) == ["hot"]
    once = used("big", times=1, size=GB // 1000, seconds_per_query=0.1)
    seldom = plan([once], known=[facts("big", size=90 * GB)])
    assert promoted(seldom) == []
    assert refused(seldom) == {"big": "not-worth-it"}


def test_one_query_over_its_columns_is_enough_for_a_table_of_ordinary_size():
    once = used("orders", times=1, size=int(1.4 * GB), columns=frozenset({"day", "a"}))
    assert promoted(plan([once], known=[facts("orders", size=5 * GB)])) == ["orders"]


def test_who_asks_by_name_gets_it_without_arithmetic():
    found = plan(known=[facts("new"), facts("hot")], usage=[used("hot")], wanted=[table("new")])
    assert promoted(found) == ["new"]
    assert promoted(plan(known=[facts("pin")], pinned=[table("pin")])) == ["pin"]


@pytest.mark.parametrize("policy", ["cost", "lru"])
@pytest.mark.parametrize(
    ("known", "code"),
    [
        (facts("t", row_policies=True), "row-policies"),
        (facts("t", streaming=True), "streaming"),
        (facts("t", columns=(Column("a", SqlType(Kind.INT64), policy_tagged=True),)), "no-columns"),
        (facts("t", columns=(Column("a", SqlType(Kind.STRING), collation="und:ci"),)), "no-columns"),
        (facts("t", columns=(PICOSECONDS,)), "no-columns"),
        (facts("t", columns=(Column("a", SqlType(Kind.BIGNUMERIC)),)), "no-columns"),
        (replace(facts("t"), version=replace(facts("t").version, kind=TableKind.VIEW)), "view"),
        (replace(facts("t"), version=replace(facts("t").version, kind=TableKind.EXTERNAL)), "external"),
        (facts("t", size=900 * GB), "too-big"),
    ],
)
def test_what_can_have_no_copy_is_refused_with_its_reason_even_by_name(known, code, policy):
    assert code in REFUSALS
    for wanted in (None, [table("t")]):
        found = plan([used("t", size=100 * GB)], known=[known], wanted=wanted, policy=policy)
        assert not found.promote
        assert refused(found) == {"t": code}


def test_columns_that_compare_or_count_otherwise_stay_away_and_the_others_come():
    collated = Column("name", SqlType(Kind.STRING), collation="und:ci")
    bound = Column("code", SqlType(Kind.STRING), parameters=(("max_length", 10),))
    assert copyable((*COLUMNS, collated, PICOSECONDS, bound)) == (*COLUMNS, bound)


def test_policy_tagged_columns_stay_away_and_the_others_come():
    columns = (*COLUMNS, Column("salary", SqlType(Kind.INT64), policy_tagged=True))
    found = plan([used("t")], known=[facts("t", columns=columns)])
    assert [c.name for c in found.promote[0].columns] == ["day", "a", "b"]


def test_an_excluded_table_goes_and_does_not_come():
    held = facts("t")
    found = plan([used("t")], [copy(held)], [held], excluded=[table("t")])
    assert [d.copy.table for d in found.demote] == [table("t")]
    assert refused(found) == {"t": "excluded"}


@pytest.mark.parametrize("now", [TableNotFound("gone"), PermissionDenied("no"), facts("t", row_policies=True)])
def test_a_copy_whose_table_may_not_be_seen_any_more_goes(now):
    found = make_plan(usage={}, copies=[copy(facts("t"))], facts={table("t"): now}, now=NOW)
    assert len(found.demote) == 1


def test_without_network_copies_stay():
    away = WarehouseUnavailable("no network")
    assert not make_plan(usage={}, copies=[copy(facts("t"))], facts={table("t"): away}, now=NOW)
    assert not make_plan(usage={}, copies=[copy(facts("t"))], facts={}, now=NOW)


def test_the_least_useful_copy_makes_room_and_a_leased_or_pinned_one_never():
    cold, cool, hot = facts("cold", 40 * GB), facts("cool", 40 * GB), facts("hot", 40 * GB)
    usage = [
        used("hot", 50, 40 * GB),
        used("cool", 5, 20 * GB, recent=0.0, recent_weight=0.0),
        used("cold", 1, hours=48),
    ]
    copies, known = [copy(cold), copy(cool)], [cold, cool, hot]
    limits = Limits(budget=90 * GB, disk_ratio=1.0)
    found = plan(usage, copies, known, limits=limits)
    assert (promoted(found), [d.copy.table.table for d in found.demote]) == (["hot"], ["cold"])
    found = plan(usage, copies, known, limits=limits, leased={"copy_cold"})
    assert "cold" not in [d.copy.table.table for d in found.demote]
    found = plan(usage, copies, known, limits=limits, leased={"copy_cold"}, pinned=[table("cool")])
    assert not found.promote
    assert refused(found) == {"hot": "no-room"}


@pytest.mark.parametrize(("bursts", "comes"), [(1, True), (20, False)])
def test_where_times_of_work_are_long_the_first_query_of_one_makes_room(bursts, comes):
    """Twenty queries of each table so far: in one go, or one a day. A new one has just been asked for."""
    others = [
        used(
            f"past{i}", 20, 40 * GB, hours=72, weight=6.0, score=240 * GB, recent=0.0, recent_weight=0.0, bursts=bursts
        )
        for i in range(3)
    ]
    new = used("new", 1, 40 * GB, hours=0.0, bursts=1)
    tables = [facts(f"past{i}", 40 * GB) for i in range(2)]
    found = plan([*others, new], [copy(t) for t in tables], [*tables, facts("new", 60 * GB)])
    assert (promoted(found) == ["new"]) is comes


def test_what_is_worth_more_stays():
    hot, new = facts("hot", 80 * GB), facts("new", 80 * GB)
    usage = [used("hot", 50, 80 * GB), used("new", 2, 80 * GB, hours=30, recent=0.0, recent_weight=0.0)]
    found = plan(usage, [copy(hot)], [hot, new])
    assert not found
    assert refused(found) == {"new": "no-room"}


def test_one_large_copy_goes_rather_than_many_small_ones_and_none_goes_that_need_not():
    hot = facts("hot", 10 * GB)
    small = [copy(facts(f"s{i}", GB)) for i in range(9)]
    large = copy(facts("large", 11 * GB))
    habits = [used(f"s{i}", times=4, hours=2) for i in range(9)] + [used("large", times=45, hours=2)]
    limits = Limits(budget=20 * GB, disk_ratio=1.0)
    known = [hot, *(c.facts for c in (*small, large))]

    # A byte of `large` is worth a little more than one of the small tables, but all nine would not be enough.
    found = plan([used("hot", times=400, size=10 * GB), *habits], [*small, large], known, limits=limits)
    assert [d.copy for d in found.demote] == [large]


def test_queries_that_read_next_to_nothing_of_a_table_pay_for_it_late():
    thin = [used("wide", times=3, size=GB, bursts=2)]
    prices = Prices(read_free=0.0, dollars_per_hour=0.0)
    assert promoted(plan(thin, known=[facts("wide", 90 * GB)], prices=prices)) == []
    assert promoted(plan(thin, known=[facts("wide", 12 * GB)], prices=prices)) == ["wide"]
    assert promoted(plan([used("wide", times=20)], known=[facts("wide", 90 * GB)], prices=prices)) == ["wide"]


def test_a_table_whose_query_costs_more_than_its_transfer_is_kept_up_until_that_has_cost_as_much_as_one_query():
    prices = Prices(read_free=0.0, dollars_per_hour=0.0)
    usage, refreshes = used("small", times=50, size=10 * 2**20), 0
    while refreshes < 1000 and score.regret(usage, prices) + score.earned(usage, prices) >= score.transfer_cost(
        2**20, prices
    ):
        usage, refreshes = score.after_transfer(usage, 2**20, 2**20, prices), refreshes + 1
    assert refreshes - 1 == int(10 * prices.query_per_tib / prices.read_per_tib)


def test_a_smaller_budget_or_a_full_disk_takes_the_least_useful_away():
    hot, cold = facts("hot", 10 * GB), facts("cold", 10 * GB)
    usage = [used("hot"), used("cold", 1)]
    for limits in (Limits(budget=12 * GB), Limits(min_free_disk=20 * GB, free_disk=12 * GB)):
        found = plan(usage, [copy(hot), copy(cold)], [hot, cold], limits=limits)
        assert [d.copy.table.table for d in found.demote] == ["cold"]


def test_an_older_copy_of_the_same_table_is_no_demotion_and_its_room_is_free_unless_it_is_leased():
    now, more = facts("t", etag="e2"), facts("u")
    old, new = replace(copy(facts("t"), as_of=NOW - timedelta(days=1)), id="old"), copy(now)
    limits = Limits(budget=old.bytes + new.bytes)
    found = plan([used("t"), used("u", 100)], [old, new], [now, more], limits=limits, wanted=[more.id])
    assert ([p.facts.id for p in found.promote], found.demote) == ([more.id], ())
    assert not plan([used("t")], [old, new], [now], leased={"old"})
    full = plan([used("t"), used("u", 100)], [old, new], [now, more], limits=limits, wanted=[more.id], leased={"old"})
    assert [d.copy.id for d in full.demote] == [new.id]


# ----------------------------------------------------------------------------------------- refreshes


def listed(*days, rows=1000, modified=NOW):
    return tuple(PartitionFacts(d, rows, rows * 100, modified) for d in days)


DAYS = [f"202601{d:02}" for d in range(1, 32)]


def changed_table(new_partitions, **more):
    old = facts("t", size=31 * 100_000, partitioning=BY_DAY)
    rows = sum(p.rows for p in new_partitions)
    version = replace(old.version, etag="e2", modified=NOW, rows=rows, bytes=rows * 100)
    held = copy(old, partitions=listed(*DAYS), **more)
    now = replace(old, version=version)
    usage = used("t", saved=GB, saved_uses=10)
    found = plan([usage], [held], [now], partitions={now.id: new_partitions})
    assert not found.promote
    return found.refresh[0] if found.refresh else None


def test_only_changed_and_new_partitions_are_brought_again():
    new = (*listed(*DAYS[1:-1]), *listed(DAYS[-1], rows=1200, modified=NOW + timedelta(1)), *listed("20260201"))
    refresh = changed_table(new)
    assert refresh.kind is RefreshKind.PARTITIONS
    assert refresh.changed == {DAYS[-1], "20260201"}
    assert refresh.present == new
    assert refresh.bytes < 0.1 * 31 * 100_000


def test_a_label_costs_nothing():
    assert changed_table(listed(*DAYS)).kind is RefreshKind.NOTHING


@pytest.mark.parametrize(
    "new",
    [
        (*listed(*DAYS[:-1]), *listed(DAYS[-1], rows=900)),
        (*listed(*DAYS[:-1]), PartitionFacts(DAYS[-1], 1000, 99_999, NOW)),
        listed(*DAYS, modified=None),
        listed(*DAYS, modified=NOW + timedelta(1)),
    ],
)
def test_a_partition_list_that_cannot_be_believed_means_all_of_it(new):
    assert changed_table(new).kind is RefreshKind.WHOLE


def test_rows_of_partitions_must_add_up_to_the_tables():
    old = facts("t", size=31 * 100_000, partitioning=BY_DAY)
    now = replace(old, version=replace(old.version, etag="e2", rows=31_500))
    found = plan([used("t")], [copy(old, partitions=listed(*DAYS))], [now], partitions={now.id: listed(*DAYS)})
    assert found.refresh[0].kind is RefreshKind.WHOLE


def test_a_copy_of_the_newest_partitions_follows_the_table_and_one_of_old_ones_does_not():
    new = (*listed(*DAYS), *listed("20260201", modified=NOW + timedelta(1)))
    old = facts("t", size=31 * 100_000, partitioning=BY_DAY)
    now = replace(old, version=replace(old.version, etag="e2", rows=32_000, bytes=3_200_000))
    for days, changed in ((DAYS[-7:], {"20260201"}), (DAYS[:7], set())):
        held = Holding(frozenset({"day", "a", "b"}), frozenset(days))
        refresh = choose_refresh(copy(old, held=held, partitions=listed(*DAYS)), now, new, Prices())
        assert refresh.changed == changed


def test_appended_rows_alone_come_only_where_the_person_vouches_for_it():
    old = facts("t")
    now = replace(old, version=replace(old.version, etag="e2", rows=old.version.rows + 100, bytes=GB + 10_000))
    assert plan([used("t")], [copy(old)], [now]).refresh[0].kind is RefreshKind.WHOLE
    found = plan([used("t")], [copy(old)], [now], append_only=[old.id])
    assert found.refresh[0].kind is RefreshKind.APPENDED


def test_another_schema_is_a_new_promotion():
    now = facts("t", etag="e2", columns=(*COLUMNS, Column("c", SqlType(Kind.INT64))))
    found = plan([used("t")], [copy(facts("t"))], [now])
    assert [c.name for c in found.promote[0].columns] == ["day", "a", "b", "c"]


def test_a_changed_copy_that_nobody_uses_is_left_alone():
    idle = used("t", 1, GB, paid=0.0, paid_uses=0)
    assert not plan([idle], [copy(facts("t", 50 * GB))], [facts("t", 50 * GB, etag="e2")])


# -------------------------------------------------------------------------------------- what to hold


def test_small_tables_are_held_whole_and_of_large_ones_what_is_used():
    usage = used("t", columns=frozenset({"a"}))
    assert choose_extent(usage, facts("t", SMALL)).names == {"day", "a", "b"}
    large = facts("t", 100 * SMALL, partitioning=BY_DAY)
    assert choose_extent(usage, large).names == {"a", "day"}
    assert choose_extent(used("t"), large).names == {"day", "a", "b"}
    assert choose_extent(None, large).names == {"day", "a", "b"}


def test_who_reads_beyond_a_copy_gets_all_columns_but_not_for_one_that_no_copy_can_have():
    large = facts("t", 100 * SMALL, partitioning=BY_DAY)
    held = Holding(frozenset({"a", "day"}))
    assert choose_extent(used("t", columns=frozenset({"b"})), large, held=held).names == {"day", "a", "b"}
    assert choose_extent(used("t", columns=frozenset({"a", "place"})), large, held=held).names == {"day", "a"}


def test_who_reads_beyond_a_copy_gets_all_columns_where_there_is_room_for_them():
    large, held = facts("t", 100 * SMALL), Holding(frozenset({"day"}))
    within = used("t", columns=frozenset({"day"}))
    beyond = used("t", columns=frozenset({"day", "a"}))
    assert choose_extent(within, large, held=held).names == {"day"}
    assert choose_extent(beyond, large, held=held).names == {"day", "a", "b"}
    assert choose_extent(beyond, large, held=held, most=99 * SMALL).names == {"day", "a"}
    narrow = used("t", columns=frozenset({"day", "flag"}))  # nine bytes of a hundred
    wide = facts("t", 100 * SMALL, columns=(*COLUMNS, Column("flag", SqlType(Kind.BOOL))))
    assert choose_extent(narrow, wide, held=held).names == {"day", "flag"}


def test_who_reads_the_newest_partitions_will_read_the_next_one():
    large, present = facts("t", 100 * SMALL, partitioning=BY_DAY), listed(*DAYS)
    newest = used("t", partitions=frozenset({DAYS[-2], DAYS[-9]}))
    assert choose_extent(newest, large, present).partitions == set(DAYS[-9:])
    older = used("t", partitions=frozenset({DAYS[3], DAYS[5]}))
    assert choose_extent(older, large, present).partitions == {DAYS[3], DAYS[5]}
    most = used("t", partitions=frozenset(DAYS[:25]))
    assert choose_extent(most, large, present).partitions is None


# ------------------------------------------------------------------------------------------------ lru


def test_lru_holds_the_last_used_tables_and_lets_the_others_go():
    tables = [facts(f"t{i:02}", GB) for i in range(12)]
    usage = [used(f.id.table, times=1, hours=i) for i, f in enumerate(tables)]
    found = plan(usage, [copy(tables[11])], tables, policy="lru")
    assert promoted(found) == [f"t{i:02}" for i in range(10)]
    assert [d.copy.table.table for d in found.demote] == ["t11"]


def test_an_unknown_policy_is_said_to_be_one():
    with pytest.raises(ValueError, match="cost, lru"):
        plan(policy="best")


# ---------------------------------------------------------------------------------------------- kept relations


def test_copies_have_the_room_of_kept_relations_first():
    tight = Limits(budget=10 * GB, disk_ratio=1.0)
    big = facts("big", size=9 * GB)
    for kept in (0, 5 * GB, 50 * GB):
        assert plan([used("big", times=100)], known=[big], limits=tight, kept=kept) == plan(
            [used("big", times=100)], known=[big], limits=tight
        )
    full = Limits(budget=100 * GB, free_disk=1 * GB, min_free_disk=1 * GB, disk_ratio=1.0)
    assert promoted(plan([used("big", times=100)], known=[big], limits=full)) == []
    assert promoted(plan([used("big", times=100)], known=[big], limits=full, kept=9 * GB)) == ["big"]


def test_kept_relations_weigh_what_they_billed_times_uses_for_each_byte_and_fade():
    def kept(name, size, billed, seconds=0.0):
        of = facts(name, size=size)
        source = QuerySource(name, ("a",), None, copy(of).bases, "", billed, seconds)
        return replace(copy(of, as_of=NOW), source=source)

    large, small, slow = kept("large", 10 * GB, GB), kept("small", GB, GB), kept("slow", GB, 0, seconds=3600.0)
    order = [one.copy.source.digest for one in weigh([slow, small, large], {}, NOW, Prices())]
    assert order == ["large", "small", "slow"]
    often = {"large": KeptUse(NOW, weight=11.0)}
    assert [k.copy.source.digest for k in weigh([small, large], often, NOW, Prices())] == ["small", "large"]
    faded = {"large": KeptUse(NOW - timedelta(seconds=score.HALF_LIFE), weight=11.0)}
    assert [k.copy.source.digest for k in weigh([small, large], faded, NOW, Prices())] == ["large", "small"]
    assert weigh([small, slow], {}, NOW, Prices(), lost=[slow.id])[0].worth == 0.0
    assert worth(copy(facts("t")), None, NOW, Prices()) == 0.0


def test_what_nobody_asks_for_is_idle_and_a_use_keeps_it():
    of = facts("t")
    old = replace(
        copy(of, as_of=NOW - timedelta(days=9)), source=QuerySource("x", ("a",), None, copy(of).bases, "", GB, 1.0)
    )
    week = NOW - timedelta(days=7)
    assert idle([old, copy(of)], {}, week) == (old,)
    assert idle([old], {"t": KeptUse(NOW)}, week) == ()
