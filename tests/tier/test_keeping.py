"""Answers of BigQuery that are kept: of one state of their tables, in their order, within their room, for a while."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from bigpato_magic.errors import DamagedCopy, WarehouseUnavailable
from bigpato_magic.frames import arrow_schema
from bigpato_magic.status import Cancel
from bigpato_magic.tier.keeping import keeper as keeping
from bigpato_magic.tier.keeping.making import AnswerToKeep
from bigpato_magic.types import (
    Basis,
    Compiled,
    Freshness,
    Grouping,
    Kind,
    OutputColumn,
    QueryResult,
    QuerySource,
    RunLocal,
    SqlType,
    TableCopy,
    TableId,
    TableRead,
    array_of,
    struct_of,
)

from .conftest import DAYS, ITEMS, ORDERS

INT64, STRING, NUMERIC = SqlType(Kind.INT64), SqlType(Kind.STRING), SqlType(Kind.NUMERIC)
OUTPUTS = (OutputColumn("n", INT64), OutputColumn("name", STRING))
READS = {ORDERS: {"id", "name"}, ITEMS: {"id"}}
GIB = 1 << 30


def source(house, digest="a" * 32, reads=READS, columns=("c0", "c1"), order=None, billed=GIB, **more):
    told = house.tier.facts.fetch(reads)
    bases = tuple(Basis(told[t], frozenset(columns), told[t].checked_at) for t, columns in reads.items())
    return QuerySource(digest, columns, order, bases, "SELECT …", billed, 2.0, **more)


def table(rows, outputs=OUTPUTS):
    columns = zip(*rows, strict=True) if rows else [[] for _ in outputs]
    schema = arrow_schema(outputs)
    return pa.table([pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


ROWS = table([(3, "c"), (1, "a"), (2, "b")])


def keep(house, rows=ROWS, outputs=OUTPUTS, **more):
    """What is kept after one more answer."""
    assert house.tier.queries.keep(source(house, **more), outputs, rows)
    assert house.tier.open().keeper.settle(60)
    return house.tier.open().catalog.kept()


def contents(house, copy):
    with house.tier.queries.lease([copy]):
        return house.engine.rows(copy).to_pydict()


def test_an_answer_is_kept_and_read_as_any_copy(house):
    (copy,) = keep(house)
    assert contents(house, copy) == {"c0": [3, 1, 2], "c1": ["c", "a", "b"]}
    assert copy.table.project == "demo"
    assert copy.table.table.startswith("kept_")
    assert copy.source.columns == ("c0", "c1")
    assert [basis.table for basis in copy.bases] == [ORDERS, ITEMS]
    assert house.tier.facts.check([copy], 0) == {copy.table: (Freshness.FRESH, None)}
    assert copy.parts[0].path.stat().st_mode & 0o077 == 0


def test_all_that_is_known_of_its_query_is_known_to_the_next_kernel(house, another):
    groups = Grouping("rows", ("c0", "c1"))
    (copy,) = keep(house, order="by c0", slot_ms=1200, grouping=groups)
    (seen,) = another().tier.open().catalog.kept()
    assert seen.source == copy.source
    assert (seen.source.slot_ms, seen.source.grouping, seen.source.order) == (1200, groups, "by c0")


def test_it_is_no_table_to_plans_views_and_screens(house, tmp_path):
    import duckdb

    from bigpato_magic.overview import table_rows

    house.tier.promote([ORDERS])
    (copy,) = keep(house)
    assert set(house.tier.copies()) == {ORDERS}
    assert copy.table not in {row.id for row in table_rows(house.tier, house.tier.status)}
    plan = house.tier.plan()
    assert copy.table not in {r.table for r in plan.refused} | {d.copy.table for d in plan.demote}
    house.tier.rebalance(plan)
    house.tier.refresh()
    house.tier.write_views(tmp_path / "views.duckdb")
    with duckdb.connect(str(tmp_path / "views.duckdb"), read_only=True) as plain:
        assert plain.execute("SELECT name FROM bigpato_magic.local_tables").fetchall() == [("orders",)]
    assert house.tier.demote([ORDERS]).demote[0].copy.table == ORDERS
    assert house.tier.open().catalog.kept() == (copy,)


def test_it_is_found_by_its_tables_and_by_no_others(house):
    (copy,) = keep(house)
    queries = house.tier.queries
    assert queries.kept([ORDERS, ITEMS]) == queries.kept([ITEMS, DAYS, ORDERS]) == (copy,)
    assert queries.kept([ORDERS]) == queries.kept([ITEMS, DAYS]) == queries.kept([]) == ()
    house.tier.keep.on = False
    assert queries.kept([ORDERS, ITEMS]) == ()


def test_another_kernel_finds_it_and_another_principal_does_not(house, another):
    (copy,) = keep(house)
    assert another().tier.queries.kept([ORDERS, ITEMS]) == (copy,)
    house.warehouse.principal = "somebody@else"
    assert another().tier.queries.kept([ORDERS, ITEMS]) == ()


# ------------------------------------------------------------------------------------------------ values


def test_many_rows_lie_in_their_order_though_they_become_wider(house):
    count = 300_000
    values = [(count - n, None if n % 7 == 0 else Decimal(n) / (1 if n < 200_000 else 1000)) for n in range(count)]
    outputs = (OutputColumn("n", INT64), OutputColumn("x", NUMERIC))
    (copy,) = keep(house, table(values, outputs), outputs)
    found = contents(house, copy)
    assert found["c0"] == [n for n, _ in values]
    assert found["c1"] == [x for _, x in values]


def test_every_kind_of_value_comes_back_as_it_was(house):
    pair = struct_of(("x", INT64), ("y", array_of(STRING)))
    kinds = [Kind.FLOAT64, Kind.BOOL, Kind.BYTES, Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP, Kind.TIME, Kind.JSON]
    outputs = tuple(OutputColumn(f"o{i}", t) for i, t in enumerate([*map(SqlType, kinds), pair, array_of(pair)]))
    from datetime import UTC, date, datetime, time

    moment = datetime(2024, 2, 29, 23, 59, 59, 999999)
    values = [
        (-0.0, True, b"\x00\xff", date(1, 1, 1), moment, moment.replace(tzinfo=UTC), time(23, 59, 59, 999999), '{"a":1}',
         {"x": 1, "y": ["p", "q"]}, [{"x": None, "y": []}]),
        (float("inf"), None, None, None, None, None, None, None, None, []),
    ]  # fmt: skip
    rows = table(values, outputs)
    names = tuple(f"k{i}" for i in range(len(outputs)))
    (copy,) = keep(house, rows, outputs, columns=names)
    with house.tier.queries.lease([copy]):
        found = house.engine.rows(copy)
    assert found.rename_columns([o.name for o in outputs]).equals(rows)
    assert str(found.column(0)[0].as_py()) == "-0.0"


def test_no_rows_are_an_answer_too_and_a_column_that_comes_twice_is_stored_once(house):
    outputs = (OutputColumn("x", INT64), OutputColumn("y", STRING), OutputColumn("z", INT64))
    (copy,) = keep(house, table([], outputs), outputs, columns=("c0", "c1", "c0"))
    assert contents(house, copy) == {"c0": [], "c1": []}
    assert copy.source.columns == ("c0", "c1")


def test_a_small_answer_takes_little_of_the_disk(house):
    (copy,) = keep(house)
    assert copy.bytes < 100_000


@pytest.mark.parametrize(
    ("outputs", "columns"),
    [
        ((OutputColumn("n", SqlType(Kind.BIGNUMERIC)), OutputColumn("s", STRING)), ("c0", "c1")),
        ((OutputColumn("n", array_of(SqlType(Kind.GEOGRAPHY))), OutputColumn("s", STRING)), ("c0", "c1")),
        ((OutputColumn("n", struct_of(("a", INT64), ("A", INT64))), OUTPUTS[1]), ("c0", "c1")),
        (OUTPUTS, ("c0", "C0")),
        (OUTPUTS, ("c0",)),
    ],
)
def test_what_duckdb_does_not_hold_exactly_is_not_kept(house, outputs, columns):
    rows = table([], outputs)
    assert not house.tier.queries.keep(source(house, columns=columns), outputs, rows)


# ---------------------------------------------------------------------------------------------- one state


def refused(house, asked, rows=ROWS, outputs=OUTPUTS):
    house.tier.queries.keep(asked, outputs, rows)
    assert house.tier.open().keeper.settle(60)
    return house.tier.open().catalog.all() == ()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO shop.items VALUES (2, 'y')",
        "UPDATE shop.items SET name = 'z' WHERE TRUE",
        "CREATE OR REPLACE TABLE shop.items AS SELECT 1 AS id, 'x' AS name",
        "DROP TABLE shop.items",
    ],
)
def test_what_changes_while_the_job_runs_is_not_kept(house, statement):
    asked = source(house)
    house.warehouse.execute(statement)
    assert refused(house, asked)


def test_a_mark_that_comes_while_bigquery_is_asked_again_voids_the_answer(house, monkeypatch):
    asked, facts = source(house), house.warehouse.facts
    monkeypatch.setattr(
        house.warehouse, "facts", lambda t: house.tier.queries.mark_stale([ITEMS], statement="INSERT") or facts(t)
    )
    assert refused(house, asked)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", ["streaming", "row_policies", "tagged"])
def test_what_may_change_unseen_or_is_guarded_is_not_kept(house, monkeypatch, how, when):
    facts = house.warehouse.facts

    def guarded(tables):
        told = dict(facts(tables))
        columns = tuple(replace(c, policy_tagged=c.name == "id") for c in told[ITEMS].columns)
        changes = {"columns": columns} if how == "tagged" else {how: True}
        return told | {ITEMS: replace(told[ITEMS], **changes)}

    if when == "before":
        monkeypatch.setattr(house.warehouse, "facts", guarded)
        asked = source(house)
        monkeypatch.setattr(house.warehouse, "facts", facts)
        assert not house.tier.queries.keep(asked, OUTPUTS, ROWS)
        return
    asked = source(house)
    monkeypatch.setattr(house.warehouse, "facts", guarded)
    assert refused(house, asked)


def test_a_view_is_nothing_to_rest_on(house):
    house.warehouse.execute("CREATE VIEW shop.v AS SELECT id FROM shop.items")
    asked = source(house, reads={TableId("demo", "shop", "v"): {"id"}})
    assert not house.tier.queries.keep(asked, OUTPUTS, ROWS)


def test_what_bigquery_cannot_confirm_is_not_kept_although_copies_may_answer_offline(house, monkeypatch):
    asked = source(house)
    house.tier.freshness.offline = True

    def away(_):
        raise WarehouseUnavailable("no network")

    monkeypatch.setattr(house.warehouse, "facts", away)
    assert refused(house, asked)


def test_a_failure_is_told_once_and_never_to_the_query(house, monkeypatch, caplog):
    def broken(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(house.engine, "write_copy", broken)
    with caplog.at_level(logging.WARNING, "bigpato_magic"):
        assert refused(house, source(house))
        assert refused(house, source(house, digest="b" * 32))
    assert [r.message for r in caplog.records if "not kept" in r.message] == [
        "an answer was not kept: [Errno 28] No space left on device"
    ]


# ------------------------------------------------------------------------------------------------ replacing


def test_a_newer_one_of_the_same_meaning_takes_the_place_of_the_older(house):
    (old,) = keep(house)
    house.warehouse.execute("INSERT INTO shop.items VALUES (2, 'y')")
    (new,) = keep(house, table([(9, "z")]))
    assert contents(house, new)["c0"] == [9]
    assert house.tier.open().catalog.all() == (new,)
    assert not old.parts[0].path.exists()


def test_one_that_is_read_just_now_stays_on_the_disk_until_it_is_not(house):
    (old,) = keep(house)
    with house.tier.queries.lease([old]):
        house.engine.rows(old)
        house.warehouse.execute("INSERT INTO shop.items VALUES (2, 'y')")
        (new,) = keep(house, table([(9, "z")]))
        assert sorted(c.id for c in house.tier.open().catalog.all()) == sorted([old.id, new.id])
        assert house.engine.rows(old).num_rows == 3
    house.tier.clean()
    assert house.tier.open().catalog.all() == (new,)


def test_an_older_answer_does_not_take_the_place_of_a_newer_one(house):
    early = source(house)
    (new,) = keep(house)
    house.tier.queries.keep(early, OUTPUTS, table([(9, "z")]))
    house.tier.open().keeper.settle()
    assert house.tier.open().catalog.all() == (new,)


def test_an_older_answer_that_comes_late_leaves_the_newer_one_where_it_is(house):
    """It was proven before its table changed, and is written after another kernel's answer over the changed table."""
    maker = house.tier.open().keeper._maker
    late = AnswerToKeep(source(house), OUTPUTS, table([(9, "z")]))
    house.warehouse.execute("INSERT INTO shop.items VALUES (2, 'y')")
    (new,) = keep(house)
    unproven = replace(maker, facts=_Believing())
    assert unproven.make(late, GIB, Cancel()) is None
    assert house.tier.open().catalog.all() == (new,)


def test_an_older_answer_of_more_columns_does_not_take_a_newer_one_of_fewer_away(house):
    early = source(house)
    (new,) = keep(house, ROWS.select([0]), OUTPUTS[:1], columns=("c0",))
    house.tier.queries.keep(early, OUTPUTS, ROWS)
    house.tier.open().keeper.settle()
    assert {copy.source.columns for copy in house.tier.open().catalog.all()} == {("c0",), ("c0", "c1")}
    assert new in house.tier.open().catalog.all()


def test_an_answer_over_a_changed_table_is_kept_though_another_of_its_tables_was_seen_long_before(house):
    early = source(house)
    keep(house)
    house.warehouse.execute("INSERT INTO shop.items VALUES (2, 'y')")
    told = house.tier.facts.fetch([ITEMS])[ITEMS]
    orders, items = early.bases
    now = replace(early, bases=(orders, replace(items, facts=told, as_of=told.checked_at)))
    house.tier.queries.keep(now, OUTPUTS, table([(9, "z")]))
    house.tier.open().keeper.settle()
    (kept,) = house.tier.open().catalog.all()
    assert contents(house, kept)["c0"] == [9]


class _Believing:
    """Says that nothing has changed: the moment between the proof and the lock, made long."""

    def check(self, copies, max_staleness, *, offline):
        return {copy.table: (Freshness.FRESH, None) for copy in copies}


def held(house):
    kept = house.tier.open().catalog.all()
    return sorted((copy.source.columns, copy.source.order or "") for copy in kept)


def test_one_that_has_more_takes_the_place_of_one_that_has_less(house):
    """Of one meaning, with other columns or in another order, is another answer; all of it in it is not."""
    asked = source(house)
    one, both = ("c0",), ("c0", "c1")
    for columns, order, kept in (
        (one, None, [(one, "")]),
        (("c2",), None, [(one, ""), (("c2",), "")]),
        (both, None, [(both, ""), (("c2",), "")]),
        (one, None, [(both, ""), (("c2",), "")]),
        (both, "by c0", [(both, "by c0"), (("c2",), "")]),
        (both, None, [(both, "by c0"), (("c2",), "")]),
        (both, "by c1", [(both, "by c0"), (both, "by c1"), (("c2",), "")]),
    ):
        rows, outputs = ROWS.select(range(len(columns))), OUTPUTS[: len(columns)]
        house.tier.queries.keep(replace(asked, columns=columns, order=order), outputs, rows)
        house.tier.open().keeper.settle()
        assert held(house) == kept


def test_two_kernels_keep_one_answer_once(house, another):
    kernels = [house, another(), another()]
    asked = source(house)
    for kernel in kernels:
        assert kernel.tier.queries.keep(asked, OUTPUTS, ROWS)
    for kernel in kernels:
        assert kernel.tier.open().keeper.settle(60)
    assert len(house.tier.open().catalog.all()) == 1
    assert len(list(house.tier.open().store.parts.iterdir())) == 1


# ---------------------------------------------------------------------------------------------------- room


NOISE = (OutputColumn("n", INT64), OutputColumn("noise", SqlType(Kind.BYTES)))


def noise(megabytes):
    """An answer of that size that does not compress."""
    return table([(n, os.urandom(1024)) for n in range(megabytes * 1024)], NOISE)


def keep_noise(house, megabytes, digest="a", **more):
    """The first letters of what is kept after so large an answer."""
    keep(house, noise(megabytes), NOISE, digest=digest * 32, **more)
    return digests(house)


def digests(house):
    return {copy.source.digest[0] for copy in house.tier.open().catalog.kept()}


def test_an_answer_that_is_too_large_is_not_kept(house):
    house.tier.keep.largest = ROWS.nbytes - 1
    assert not house.tier.queries.keep(source(house), OUTPUTS, ROWS)
    house.tier.keep.largest = ROWS.nbytes
    assert len(keep(house)) == 1
    house.tier.keep.on = False
    assert not house.tier.queries.keep(source(house, digest="b" * 32), OUTPUTS, ROWS)


def test_the_least_worth_per_byte_makes_room_and_what_is_worth_more_stays(house):
    house.tier.budget, house.tier.keep.share = 11 << 20, 0.4
    keep_noise(house, 1, "c", billed=GIB)
    assert keep_noise(house, 1, "d", billed=100 * GIB) == {"c", "d"}
    assert keep_noise(house, 2, "e", billed=50 * GIB) == {"d", "e"}
    assert keep_noise(house, 2, "f", billed=GIB) == {"d", "e"}
    assert house.tier.used_bytes() < 0.4 * house.tier.budget


def test_what_is_asked_for_often_stays(house):
    house.tier.budget, house.tier.keep.share = 12 << 20, 0.25
    keep_noise(house, 1, "a")
    assert keep_noise(house, 1, "b") == {"a", "b"}
    name = next(c.table.table for c in house.tier.open().catalog.kept() if c.source.digest[0] == "a")
    for _ in range(3):
        house.tier.open().kept_uses.used([name], GIB, house.warehouse.now())
    assert keep_noise(house, 1, "c", billed=2 * GIB) == {"a", "c"}
    use = house.tier.open().kept_uses.totals()[name]
    assert (use.uses, use.not_billed) == (3, 3 * GIB)


def test_one_whose_table_is_known_to_have_changed_goes_first(house):
    house.tier.budget, house.tier.keep.share = 12 << 20, 0.25
    keep_noise(house, 1, "a", billed=1000 * GIB)
    keep_noise(house, 1, "b", reads={ORDERS: {"id"}})
    house.warehouse.execute("INSERT INTO shop.items VALUES (2, 'y')")
    assert keep_noise(house, 1, "c", reads={ITEMS: {"id"}}) == {"b", "c"}


def test_a_copy_never_goes_for_an_answer(large, house):
    house.tier.promote([large])
    house.tier.budget = house.tier.used_bytes() + (1 << 20)
    house.tier.keep.share = 1.0
    assert keep_noise(house, 3, billed=10**6 * GIB) == set()
    assert set(house.tier.copies()) == {large}
    assert list(house.tier.open().store.drafts.iterdir()) == []


@pytest.fixture
def tight(large, house):
    """Room for a table of some megabytes, or for an answer of that size, and not for both."""
    house.tier.promote([large])
    size = house.tier.used_bytes()
    house.tier.demote([large])
    house.tier.budget, house.tier.keep.share = size + (5 << 20), 0.9
    return house


def test_a_table_that_is_worth_more_takes_the_room_of_answers(large, tight):
    assert keep_noise(tight, 5) == {"a"}
    done = tight.tier.rebalance([large])
    assert [p.facts.id for p in done.promote] == [large]
    assert digests(tight) == set()
    assert tight.rows(large) == tight.truth(large)
    assert tight.tier.used_bytes() <= tight.tier.budget


def test_an_answer_that_is_kept_after_the_plan_does_not_keep_the_table_out(large, tight):
    plan = tight.tier.plan([large])
    assert keep_noise(tight, 5) == {"a"}
    assert tight.tier.rebalance(plan).refused == ()
    assert digests(tight) == set()
    assert tight.rows(large) == tight.truth(large)


def test_what_nobody_asks_for_goes(house, monkeypatch):
    (copy,) = keep(house)
    later = house.warehouse.now() + timedelta(days=8)
    monkeypatch.setattr(house.warehouse, "now", lambda: later)
    house.tier.open().kept_uses.used([copy.table.table], 0, later - timedelta(days=6))
    house.tier.clean()
    assert house.tier.open().catalog.kept() == (copy,)
    house.tier.keep.hold_for = "5 days"
    house.tier.rebalance([])
    assert house.tier.open().catalog.all() == ()
    house.tier.keep.hold_for = "inf"
    house.tier.clean()


def test_a_smaller_share_is_kept_to(house):
    keep_noise(house, 1, "a", billed=GIB)
    assert keep_noise(house, 1, "b", billed=2 * GIB) == {"a", "b"}
    house.tier.budget = 8 << 20
    house.tier.clean()
    assert digests(house) == {"b"}


def test_a_person_can_have_them_forgotten(house, another):
    keep(house)
    keep(house, digest="b" * 32)
    first, second = house.tier.open().catalog.kept()
    assert house.tier.queries.forget([first]) == (first,)
    kernel = another()
    with kernel.tier.queries.lease([second]):
        kernel.engine.rows(second)
        assert house.tier.queries.forget() == ()
    kernel.tier.close()
    assert house.tier.queries.forget() == (second,)
    assert list(house.tier.open().store.parts.iterdir()) == []


def test_a_purge_takes_them_along(house):
    keep(house)
    assert house.tier.purge() == []
    assert not house.tier.path.exists()


# ------------------------------------------------------------------------------------------ going wrong


@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_one_goes_and_says_so(house, another, harm):
    (copy,) = keep(house)
    path = copy.parts[0].path
    if harm == "flip":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif harm == "cut":
        os.truncate(path, 5000)
    else:
        path.unlink()
    kernel = another()
    if harm == "remove":  # seen and cleaned when a kernel opens the tier
        assert kernel.tier.queries.kept([ORDERS, ITEMS]) == ()
        return
    found = kernel.tier.queries.kept([ORDERS, ITEMS])
    for one in found:
        with kernel.tier.queries.lease([one]), pytest.raises(DamagedCopy):
            kernel.tier.queries.compare([one]).outcome(Cancel())
    assert harm == "flip" or found == ()
    for thread in threading.enumerate():
        if thread.name.startswith("bigpato-digest"):
            thread.join(20)
    assert kernel.tier.queries.kept([ORDERS, ITEMS]) == ()
    assert harm != "flip" or kernel.tier.status.message.startswith("A kept answer is damaged")


def test_verifying_finds_a_damaged_one(house):
    (copy,) = keep(house)
    content = bytearray(copy.parts[0].path.read_bytes())
    content[-100] ^= 1
    copy.parts[0].path.write_bytes(content)
    assert [finding.copy for finding in house.tier.verify_files()] == [copy]
    assert house.tier.open().catalog.all() == ()


def test_what_waits_is_finished_when_the_tier_closes(house, monkeypatch):
    monkeypatch.setattr(keeping, "FINISHING", 60.0)
    asked = source(house)
    opened = house.tier.open()
    for digest in ("a" * 32, "b" * 32):
        assert house.tier.queries.keep(replace(asked, digest=digest), OUTPUTS, ROWS)
    house.tier.close()
    assert len(house.tier.open().catalog.kept()) == 2
    assert not opened.keeper.keep(AnswerToKeep(asked, OUTPUTS, ROWS))


def test_what_takes_too_long_is_dropped_whole_when_the_tier_closes(house, monkeypatch):
    asked, write, begun = source(house), house.engine.write_copy, threading.Event()
    monkeypatch.setattr(keeping, "FINISHING", 0.01)

    def slow(*arguments, cancel, **how):
        begun.set()
        cancel.wait(60)
        return write(*arguments, cancel=cancel, **how)

    monkeypatch.setattr(house.engine, "write_copy", slow)
    opened = house.tier.open()
    for digest in ("a" * 32, "b" * 32):
        assert house.tier.queries.keep(replace(asked, digest=digest), OUTPUTS, ROWS)
    assert begun.wait(20)
    house.tier.close()
    assert opened.keeper.settle(20)
    assert house.tier.open().catalog.all() == ()
    assert list(house.tier.open().store.drafts.iterdir()) == []
    assert list(house.tier.open().store.parts.iterdir()) == []


def test_more_than_can_wait_is_not_kept(house, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(house.tier.open().keeper._maker.facts, "check", lambda *_, **__: go.wait(60))
    asked = source(house)
    taken = [house.tier.queries.keep(replace(asked, digest=f"{n:032}"), OUTPUTS, ROWS) for n in range(30)]
    go.set()
    assert 16 <= sum(taken) <= 17
    assert all(taken[:16])  # the seventeenth is taken whenever the first has begun


def test_a_kept_relation_is_a_copy_to_the_types(house):
    (copy,) = keep(house)
    assert isinstance(copy, TableCopy)
    assert copy.facts.columns == copy.columns
    assert copy.holding.columns == {"c0", "c1"}


# --------------------------------------------------------------------------------------------- accounts


def test_a_kept_answer_is_a_use_of_itself_and_its_tables_count_as_if_bigquery_had_answered(house, analyzer):
    house.tier.promote([ITEMS])
    (copy,) = keep(house)
    reads = {table: TableRead(table, frozenset(columns)) for table, columns in READS.items()}
    query = replace(analyzer.analyze("SELECT 1"), tables=reads, outputs=OUTPUTS)
    decision = RunLocal("SELECT …", Compiled("…", OUTPUTS), (copy, house.tier.copies()[ITEMS]))
    noted = house.tier.queries.record(query, QueryResult(ROWS, OUTPUTS, decision, 0.1), (ORDERS, ITEMS))
    assert noted.bytes_saved == 20 << 20
    totals = house.tier.usage.totals(house.warehouse.now())
    orders, items = totals[ORDERS], totals[ITEMS]
    assert (orders.paid, orders.saved, orders.seconds_per_query) == (10 << 20, 0, 2.0)
    assert (items.paid, items.saved) == (0, 10 << 20)
    use = house.tier.open().kept_uses.totals()[copy.table.table]
    assert (use.uses, use.not_billed) == (1, 20 << 20)
