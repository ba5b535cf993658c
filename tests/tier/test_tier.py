"""Tables come, change and go; what is here is the table's, is within its limits, and belongs to one principal."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from bigpato_magic.errors import Cancelled, ConfigurationError, DamagedCopy, TierError
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files import catalog, manifest
from bigpato_magic.tier.files.store import Store
from bigpato_magic.types import Freshness, Plan, RefreshKind, TableId

ORDERS = TableId("demo", "shop", "orders")
DAYS = TableId("demo", "shop", "days")
ITEMS = TableId("demo", "shop", "items")


def files(house):
    return sorted(
        p for p in (house.tier.path / "principals").rglob("*") if p.is_file() and p.suffix in (".duckdb", ".json")
    )


def test_a_promoted_table_is_the_table(house):
    events = []
    done = house.tier.rebalance([ORDERS], progress=events.append)
    assert [p.facts.id for p in done.promote] == [ORDERS]
    assert house.rows(ORDERS) == house.truth(ORDERS)
    copy = house.tier.copies([ORDERS])[ORDERS]
    assert copy.version == house.warehouse.facts([ORDERS])[ORDERS].version
    assert house.tier.facts.check([copy], 0)[ORDERS] == (Freshness.FRESH, None)
    assert [e.stage for e in events if e.message] == ["write", "verify", "publish", "done"]
    assert house.tier.status.transfers[-1].stage == "done"


def test_a_demoted_table_leaves_nothing(house):
    house.tier.promote([ORDERS, ITEMS])
    done = house.tier.demote([ORDERS])
    assert [d.copy.table for d in done.demote] == [ORDERS]
    assert set(house.tier.copies()) == {ITEMS}
    assert len(files(house)) == 2


def test_a_changed_table_is_brought_again_and_the_old_files_go(house):
    house.tier.promote([ORDERS])
    before = house.tier.copies()[ORDERS]
    house.warehouse.execute("DELETE FROM shop.orders WHERE id > 500")
    assert house.tier.facts.check([before], 0)[ORDERS][0] is Freshness.STALE
    house.tier.refresh()
    after = house.tier.copies()[ORDERS]
    assert after.rows == 500
    assert house.rows(ORDERS) == house.truth(ORDERS)
    assert not before.parts[0].path.exists()


# --------------------------------------------------------------------------------------- only what changed


def change_and_refresh(house, sql):
    house.warehouse.execute(sql)
    plan = house.tier.plan([DAYS])
    done = house.tier.rebalance(plan)
    assert done.refused == ()
    assert house.rows(DAYS) == house.truth(DAYS)
    return [r.kind for r in plan.refresh]


@pytest.fixture
def days(house):
    house.tier.promote([DAYS])
    return house


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO shop.days VALUES (DATE '2024-01-03', 5000)",
        "INSERT INTO shop.days VALUES (DATE '2025-06-01', 5001)",
        "DELETE FROM shop.days WHERE day = '2024-01-04' AND id < 500",
        "UPDATE shop.days SET id = id + 100000 WHERE day = '2024-01-05'",
        "DELETE FROM shop.days WHERE day = '2024-01-06'",
        "INSERT INTO shop.days VALUES (NULL, 7)",
        "INSERT INTO shop.days VALUES (DATE '0001-01-01', 8), (DATE '9999-12-31', 9)",
    ],
)
def test_only_changed_partitions_come_again(days, sql):
    days.engine.detach()
    assert change_and_refresh(days, sql) == [RefreshKind.PARTITIONS]
    assert len(days.tier.copies()[DAYS].parts) <= 3


def test_unchanged_parts_are_shared_with_the_version_before(days):
    change_and_refresh(days, "INSERT INTO shop.days VALUES (DATE '2024-01-03', 5000)")
    before = {p.path for p in days.tier.copies()[DAYS].parts}
    change_and_refresh(days, "INSERT INTO shop.days VALUES (DATE '2024-01-03', 5001)")
    after = {p.path for p in days.tier.copies()[DAYS].parts}
    assert len(before & after) == 1


def test_parts_stay_few_however_often_it_changes(days):
    for i in range(22):
        day = f"DATE_ADD(DATE '2025-01-01', INTERVAL {i} DAY)"
        kinds = change_and_refresh(days, f"INSERT INTO shop.days SELECT {day}, {6000 + i}")
        assert kinds == [RefreshKind.PARTITIONS]
    assert 1 < len(days.tier.copies()[DAYS].parts) <= 16


def test_a_query_over_the_old_version_goes_on_while_the_new_one_comes(days):
    old = days.tier.copies()[DAYS]
    with days.tier.queries.lease([old]):
        assert days.count(old) == 1000
        change_and_refresh(days, "INSERT INTO shop.days VALUES (DATE '2024-01-03', 5000)")
        assert days.count(old) == 1000
        assert days.tier.open().store.manifest_path(old.id).exists()
    days.tier.clean()
    assert not days.tier.open().store.manifest_path(old.id).exists()


def test_a_partition_list_that_does_not_fit_the_rows_brings_all(days):
    """What the plan believed is proven before it is published: here the list hides a change."""
    days.warehouse.execute("INSERT INTO shop.days VALUES (DATE '2024-01-03', 5000), (DATE '2024-01-04', 5001)")
    plan = days.tier.plan([DAYS])
    wrong = replace(plan.refresh[0], changed=frozenset({"20240103"}))
    assert days.tier.rebalance(Plan(refresh=(wrong,))).refused == ()
    assert days.rows(DAYS) == days.truth(DAYS)


@pytest.fixture
def history(warehouse, monkeypatch):
    """The demo warehouse has no APPENDS(): here it has, for orders, whose ids above 1000 came later."""
    asked = []
    query = warehouse.query

    def with_appends(sql, parameters=(), **more):
        if "APPENDS(TABLE `demo.shop.orders`, @since, NULL)" in sql:
            asked.append(parameters[0].value)
            return query("SELECT id, name, price FROM shop.orders WHERE id > 1000", **more)
        return query(sql, parameters, **more)

    monkeypatch.setattr(warehouse, "query", with_appends)
    return asked


def test_only_appended_rows_come_again_where_the_person_says_so(history, house):
    house.tier.append_only = ["shop.orders"]
    house.tier.promote([ORDERS])
    before = house.tier.copies()[ORDERS]
    house.warehouse.execute("INSERT INTO shop.orders VALUES (2000, 'new', 1.125), (2001, 'new', 1)")
    plan = house.tier.plan([ORDERS])
    assert [r.kind for r in plan.refresh] == [RefreshKind.APPENDED]
    assert house.tier.rebalance(plan).refused == ()
    after = house.tier.copies()[ORDERS]
    assert [p.rows for p in after.parts] == [1000, 2]
    assert after.parts[0] == before.parts[0]
    assert history[0] > before.as_of
    assert house.rows(ORDERS) == house.truth(ORDERS)
    assert house.tier.facts.check([after], 0)[ORDERS] == (Freshness.FRESH, None)


def test_a_table_that_was_not_only_appended_to_comes_whole(history, house):
    house.tier.append_only = ["shop.orders"]
    house.tier.promote([ORDERS])
    house.warehouse.execute("DELETE FROM shop.orders WHERE id = 1")
    house.warehouse.execute("INSERT INTO shop.orders VALUES (2000, 'new', 1), (2001, 'new', 1)")
    plan = house.tier.plan([ORDERS])
    assert [r.kind for r in plan.refresh] == [RefreshKind.APPENDED]
    assert house.tier.rebalance(plan).refused == ()
    assert len(house.tier.copies()[ORDERS].parts) == 1
    assert house.rows(ORDERS) == house.truth(ORDERS)


# ------------------------------------------------------------------------------------------- several kernels


def test_another_kernel_sees_a_copy_as_soon_as_it_is_published(house, another):
    other = another()
    assert other.tier.copies() == {}
    house.tier.promote([ORDERS])
    assert other.rows(ORDERS) == house.truth(ORDERS)
    house.tier.demote([ORDERS])
    assert other.tier.copies() == {} or other.tier.open().store.leased(next(iter(other.tier.copies().values())).id)


def test_a_copy_that_another_kernel_reads_is_not_taken_away(house, another):
    house.tier.promote([ORDERS])
    other = another()
    copy = other.tier.copies()[ORDERS]
    with other.tier.queries.lease([copy]):
        done = house.tier.demote([ORDERS])
        assert [r.reason.code for r in done.refused] == ["leased"]
        assert other.count(copy) == 1000
    other.tier.open().leases.release_idle()
    assert house.tier.demote([ORDERS]).demote
    assert house.tier.copies() == {}


def test_an_older_version_that_is_read_never_becomes_the_copy(house):
    house.tier.promote([ORDERS])
    old = house.tier.copies()[ORDERS]
    with house.tier.queries.lease([old]):
        house.warehouse.execute("DELETE FROM shop.orders WHERE id > 500")
        house.tier.refresh([ORDERS])
        done = house.tier.demote([ORDERS])
        assert (done.demote, [r.reason.code for r in done.refused]) == ((), ["leased"])
        assert house.tier.copies()[ORDERS].rows == 500
    assert len(house.tier.demote([ORDERS]).demote) == 2
    assert house.tier.copies() == {}
    assert [event.over for event in house.tier.status.transfers] == [True]


def test_two_kernels_that_promote_one_table_bring_it_once(house, another):
    other = another()
    plans = [kernel.tier.plan([ORDERS]) for kernel in (house, other)]
    results = {}

    def go(name, kernel, plan):
        results[name] = kernel.tier.rebalance(plan)

    threads = [threading.Thread(target=go, args=x) for x in zip("ab", (house, other), plans, strict=True)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [len(results[n].promote) for n in "ab"] == [1, 1]
    assert house.tier.ledger.savings().transfers == 1
    assert len(files(house)) == 2


def test_another_principal_does_not_see_it(house, another):
    house.tier.promote([ORDERS])
    house.warehouse.principal = "other@example.com"
    other = another()
    assert other.tier.copies() == {}
    assert other.tier.clean().manifests == 0
    house.warehouse.principal = "pato@example.com"
    assert house.rows(ORDERS) == house.truth(ORDERS)


# ---------------------------------------------------------------------------------------------- limits


def test_the_budget_holds(large, another, house):
    small = another(budget="1 MiB")
    plan = house.tier.plan([large])
    done = small.tier.rebalance(plan)
    assert [r.reason.code for r in done.refused] == ["failed"]
    assert "no room" in done.refused[0].reason.message
    assert files(house) == []


def test_the_free_disk_holds(another, house):
    greedy = another(min_free_disk="900 TiB")
    done = greedy.tier.rebalance(house.tier.plan([ORDERS]))
    assert "no room" in done.refused[0].reason.message
    assert files(house) == []


def test_one_rebalance_brings_no_more_than_it_may(house):
    house.tier.max_bytes_per_rebalance = 10
    done = house.tier.promote([ORDERS])
    assert "exceed" in done.refused[0].reason.message


def test_a_small_disk_that_fills_up_leaves_nothing(large, house):
    """A limit on the size of one file stands for the full disk: DuckDB gets the same kind of error."""
    import resource

    plan = house.tier.plan([large])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        done = house.tier.rebalance(plan)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert [r.reason.code for r in done.refused] == ["failed"]
    assert files(house) == []
    assert house.tier.rebalance(plan).refused == ()


# --------------------------------------------------------------------------------------- things go wrong


def test_a_table_that_changes_while_it_is_read_keeps_its_snapshot(house):
    """Between the check and the end of the reading a row comes: the copy is of one instant, and known to be old."""
    plan = house.tier.plan([ORDERS])
    changed = []

    def change(event):
        if event.stage == "verify" and not changed:
            changed.append(house.warehouse.execute("INSERT INTO shop.orders VALUES (7, 'late', 1)"))

    done = house.tier.rebalance(plan, progress=change)
    assert done.refused == ()
    copy = house.tier.copies()[ORDERS]
    assert copy.rows == 1000
    assert house.tier.facts.check([copy], 0)[ORDERS][0] is Freshness.STALE


def test_a_person_who_stops_it_does_not_wait(house, large):
    """The transfer is slow; the stop comes from another thread, as from a button."""
    house.warehouse.pace.bandwidth = 1000.0
    cancel = Cancel()
    threading.Timer(0.5, cancel.set).start()
    with pytest.raises(Cancelled):
        house.tier.rebalance([large], cancel=cancel)
    assert files(house) == []


@pytest.mark.parametrize("stage", ["read", "write", "verify", "publish"])
def test_a_stop_at_any_stage_leaves_nothing(house, stage):
    cancel = Cancel()

    def stop(event):
        if event.stage == stage:
            cancel.set()

    with pytest.raises(Cancelled):
        house.tier.rebalance([ORDERS], cancel=cancel, progress=stop)
    assert files(house) == []
    assert list(house.tier.open().store.drafts.iterdir()) == []
    assert not house.tier.status.busy
    assert house.tier.rebalance([ORDERS]).promote


def test_one_table_that_fails_does_not_keep_the_others(house):
    plan = house.tier.plan([ORDERS, ITEMS])
    house.warehouse.execute("DROP TABLE shop.orders")
    done = house.tier.rebalance(plan)
    assert [p.facts.id for p in done.promote] == [ITEMS]
    assert [r.table for r in done.refused] == [ORDERS]


def test_a_service_that_is_away_for_a_moment_is_asked_again(house):
    plan = house.tier.plan([ORDERS])
    house.warehouse.faults.set("read:503", times=1)
    done = house.tier.rebalance(plan)
    assert done.refused == ()
    assert house.rows(ORDERS) == house.truth(ORDERS)


def test_copies_of_one_instant(house):
    """The warehouse goes on while two tables are brought; both copies are of the same moment before that."""

    def go_on(event):
        if event.stage == "done":
            house.warehouse.execute("INSERT INTO shop.orders VALUES (9, 'late', 1)")
            house.warehouse.execute("INSERT INTO shop.items VALUES (9, 'late')")

    house.tier.rebalance([ORDERS, ITEMS], consistent=True, progress=go_on)
    copies = house.tier.copies()
    assert copies[ORDERS].as_of == copies[ITEMS].as_of
    assert (copies[ORDERS].rows, copies[ITEMS].rows) == (1000, 1)


def test_rows_of_an_instant_before_the_last_change_are_not_of_what_it_made(house, monkeypatch):
    """The table is the same before and after the transfer; still the rows are older."""
    before = house.warehouse.now()
    house.warehouse.execute("UPDATE shop.orders SET name = 'new' WHERE TRUE")
    monkeypatch.setattr(house.tier, "_now", lambda: before)
    done = house.tier.rebalance([ORDERS], consistent=True)
    assert [(refusal.table, refusal.reason.code) for refusal in done.refused] == [(ORDERS, "failed")]
    assert not house.tier.copies([ORDERS])


def test_facts_are_asked_before_the_instant_that_is_read(house, monkeypatch):
    """So a change between the two is seen to have been one."""
    order = []
    plan, now = house.tier.plan, house.tier._now
    monkeypatch.setattr(house.tier, "plan", lambda *given: order.append("facts") or plan(*given))
    monkeypatch.setattr(house.tier, "_now", lambda: order.append("instant") or now())
    house.tier.rebalance([ORDERS], consistent=True)
    assert order.index("facts") < order.index("instant")


# ----------------------------------------------------------------------------------------- files and modes


def test_nobody_else_may_look(house):
    house.tier.promote([ORDERS])
    for path in [house.tier.path, *house.tier.path.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_tier_that_was_opened_to_others_is_closed(another, house):
    house.tier.copies()
    house.tier.path.chmod(0o755)
    another().tier.copies()
    assert stat.S_IMODE(house.tier.path.stat().st_mode) == 0o700


@pytest.mark.parametrize("harm", ["cut", "flip", "gone"])
def test_a_damaged_file_is_found_and_taken_away(house, harm):
    house.tier.promote([ORDERS, ITEMS])
    path = house.tier.copies()[ORDERS].parts[0].path
    whole = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-100] if harm == "cut" else whole[:70000] + bytes([whole[70000] ^ 1]) + whole[70001:])
    findings = house.tier.verify_files()
    assert [f.copy.table for f in findings] == [ORDERS]
    assert set(house.tier.copies()) == {ITEMS}
    assert house.tier.verify_files() == []
    assert house.tier.promote([ORDERS]).promote


def test_a_copy_that_another_kernel_takes_away_meanwhile_is_no_damage(house, monkeypatch):
    house.tier.promote([ORDERS])
    store = house.tier.open().store
    read = store.read

    def taken(path):
        path.unlink()
        return read(path)

    monkeypatch.setattr(store, "read", taken)
    assert store.verify([]) == []


def test_a_damaged_file_that_a_query_meets_is_looked_at_and_taken_away(house):
    house.tier.promote([ORDERS])
    copy = house.tier.copies()[ORDERS]
    copy.parts[0].path.write_bytes(copy.parts[0].path.read_bytes()[:-10])
    with house.tier.queries.lease([copy]), pytest.raises(DamagedCopy):
        house.engine.rows(copy)
    for thread in [t for t in threading.enumerate() if t.name == "bigpato-verify"]:
        thread.join()
    assert house.tier.copies() == {}


def test_a_torn_manifest_is_no_copy(house):
    house.tier.promote([ORDERS])
    (path,) = house.tier.open().store.manifests.iterdir()
    text = path.read_text()
    for harm in (text[:-30], "", text.replace('"rows":1000', '"rows":1001')):
        path.write_text(harm)
        house.tier.open().catalog.__init__(house.tier.open().store)
        assert house.tier.copies() == {}
    assert house.tier.clean().manifests == 1
    assert files(house) == []


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES])
def test_a_manifest_that_is_out_of_reach_is_read_again(house, another, number, monkeypatch):
    house.tier.promote([ORDERS])
    kernel = another()
    time.sleep(2 * catalog._GRAIN)  # so that the directory looks settled

    def refuse(*args):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(Store, "read", refuse)
        assert kernel.tier.copies() == {}
    assert kernel.tier.copies().keys() == {ORDERS}


def test_copies_that_are_known_stay_known_while_the_directory_is_out_of_reach(house, monkeypatch):
    house.tier.promote([ORDERS])
    assert house.tier.copies().keys() == {ORDERS}

    def refuse(*args, **how):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(Path, "glob", refuse)
    house.tier.open().catalog._seen = -1
    assert house.tier.copies().keys() == {ORDERS}


def test_where_no_way_brings_a_table_the_reason_of_the_preferred_one_is_told_too(house):
    house.warehouse.faults.set("read:403")
    house.warehouse.faults.set("extract:no-bucket")
    (refusal,) = house.tier.promote([ORDERS]).refused
    told = refusal.reason.message
    assert told.index("Access Denied") < told.index("; by the method `extract`: The bucket for ")


def test_a_draft_that_cannot_be_made_is_told_in_one_sentence(house, monkeypatch):
    def refuse(*args, **how):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = house.tier.open().store
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(TierError, match="No space left"), store.staging():
        pytest.fail("there is no room")


def test_a_manifest_says_all_of_a_copy(house):
    house.tier.promote([DAYS])
    copy = house.tier.copies()[DAYS]
    assert copy.partitions
    assert copy.facts.partitioning
    assert manifest.loads(manifest.dumps(copy), copy.parts[0].path.parent) == copy


def test_a_tier_of_a_newer_version_is_refused_and_not_touched(house, another):
    house.tier.promote([ORDERS])
    before = files(house)
    house.tier.close()
    (house.tier.path / "format.json").write_text(json.dumps({"format": 99}))
    newer = another()
    with pytest.raises(TierError, match="newer version"):
        newer.tier.plan([ORDERS])
    assert newer.tier.copies() == {}
    assert "newer version" in newer.tier.status.message
    assert files(house) == before


def test_a_tier_of_an_older_version_is_built_anew(house, another):
    house.tier.promote([ORDERS])
    house.tier.close()
    (house.tier.path / "format.json").write_text(json.dumps({"format": 0}))
    older = another()
    assert older.tier.copies() == {}
    assert older.tier.promote([ORDERS]).promote
    assert older.rows(ORDERS) == house.truth(ORDERS)


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written(house):
    house.tier.path.mkdir(parents=True)
    house.tier.path.chmod(0o500)
    with pytest.raises(TierError):
        house.tier.plan([ORDERS])
    assert house.tier.copies() == {}


def test_a_directory_that_cannot_be_one(another, house):
    house.tier.path.parent.mkdir(parents=True, exist_ok=True)
    house.tier.path.write_text("a file")
    assert house.tier.copies() == {}
    with pytest.raises(TierError, match="cannot be used"):
        house.tier.promote([ORDERS])


def test_a_purge_leaves_nothing(house):
    house.tier.promote([ORDERS, DAYS])
    house.tier.preferences.pin([ORDERS])
    house.tier.keep_mismatch_report("{}")
    assert house.tier.purge() == []
    assert not house.tier.path.exists()
    assert house.tier.promote([ORDERS]).promote


def test_a_purge_says_what_is_not_its_own(house):
    house.tier.promote([ORDERS])
    (house.tier.path / "notes.txt").write_text("mine")
    assert [p.name for p in house.tier.purge()] == ["notes.txt"]


def test_plain_duckdb_finds_the_local_tables(house, tmp_path):
    house.tier.promote([ORDERS, DAYS])
    path = tmp_path / "metadata.duckdb"
    house.tier.write_views(path)
    with duckdb.connect(str(path), read_only=True) as plain:
        assert plain.execute("SELECT count(*), sum(price) FROM shop.orders").fetchone()[0] == 1000
        assert plain.execute("SELECT count(*) FROM days").fetchone() == (1000,)
        assert plain.execute("SELECT count(*) FROM bigpato_magic.local_tables").fetchone() == (2,)
    house.tier.demote([DAYS])
    house.tier.write_views(path)
    with duckdb.connect(str(path), read_only=True) as plain:
        assert plain.execute("SELECT count(*) FROM duckdb_views() WHERE view_name = 'days'").fetchone() == (0,)


def test_a_file_of_somebody_else_is_not_overwritten(house, tmp_path):
    path = tmp_path / "mine.duckdb"
    with duckdb.connect(str(path)) as mine:
        mine.execute("CREATE TABLE precious AS SELECT 1 AS a")
    with pytest.raises(ConfigurationError, match="not a file of bigpato-magic"):
        house.tier.write_views(path)
    with duckdb.connect(str(path)) as mine:
        assert mine.execute("FROM precious").fetchall() == [(1,)]


# ------------------------------------------------------------------------------------------ preferences


def test_preferences_are_kept_over_restarts(house, another):
    house.tier.preferences.pin([ORDERS])
    house.tier.preferences.exclude([ITEMS])
    house.tier.preferences.quarantine(["sum(FLOAT64)"])
    other = another()
    assert other.tier.preferences.pinned() == {ORDERS}
    assert other.tier.preferences.excluded() == {ITEMS}
    assert other.tier.queries.quarantined() == {"sum(FLOAT64)"}
    other.tier.preferences.unpin([ORDERS])
    other.tier.preferences.pardon(["sum(FLOAT64)"])
    assert house.tier.preferences.pinned() == frozenset()
    assert house.tier.queries.quarantined() == frozenset()


def test_a_pinned_table_comes_by_itself(house):
    house.tier.pinned = ["shop.items"]
    assert [p.facts.id for p in house.tier.rebalance().promote] == [ITEMS]


def test_the_last_hundred_cases_are_kept(house):
    for number in range(105):
        path = house.tier.keep_mismatch_report(f"case {number}")
    assert path.read_text() == "case 104"
    assert len(list(path.parent.iterdir())) == 100


def test_an_idle_lease_ends_by_itself(house):
    leases = house.tier.open().leases
    house.tier.promote([ORDERS])
    house.rows(ORDERS)
    assert leases.held
    leases.release_idle(idle=timedelta(hours=1).total_seconds())
    assert leases.held
    leases.release_idle()
    assert leases.held == frozenset()


def test_a_tier_that_is_closed_under_a_query_does_not_fail_it(house):
    house.tier.promote([ORDERS])
    copy = house.tier.copies([ORDERS])[ORDERS]
    with house.tier.queries.lease([copy]):
        house.tier.close()
    assert house.rows(ORDERS) == house.truth(ORDERS)


def test_what_dead_processes_spilled_goes(house):
    house.tier.copies()
    spill = house.tier.path / "spill"
    (spill / "4194304999").mkdir()
    (spill / "4194304999" / "sort.tmp").write_bytes(b"x")
    (spill / str(os.getpid())).mkdir()
    house.tier.close()
    house.tier.copies()
    assert [p.name for p in spill.iterdir()] == [str(os.getpid())]
