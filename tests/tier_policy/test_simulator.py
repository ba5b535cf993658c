"""The simulator's two claims, in small: near the optimum everywhere, and better than every other policy in the sum."""

from __future__ import annotations

import json
import random

import pytest

from benchmarks import policy, policy_shapes
from benchmarks.policy_workloads import workloads
from benchmarks.policy_world import read_trace

SMALL = 0.4


def test_cost_is_within_twice_the_optimum_on_every_workload_and_beats_every_other_policy_in_the_sum():
    sums = {}
    for trace in workloads(SMALL):
        rows = policy.compare(trace, policy.budget_of(trace, None))
        assert rows["cost"].total <= 2 * rows["optimum"].total, trace.name
        for name, row in rows.items():
            assert rows["optimum"].total <= row.total * 1.000001, (trace.name, name)
            assert rows["optimum"].money <= row.money * 1.000001, (trace.name, name)
            assert rows["optimum"].seconds <= row.seconds * 1.000001, (trace.name, name)
            sums[name] = row + sums.get(name, policy.Row(0, 0, 0))
    rivals = [row for name, row in sums.items() if name not in ("cost", "optimum")]
    assert len(rivals) == 6
    assert all(sums["cost"].total < row.total for row in rivals)
    assert all(sums["cost"].money < row.money for row in rivals)


def test_a_trace_is_read_from_a_file_and_the_sums_are_written(tmp_path, capsys):
    size = 10 * 2**30
    lines = [{"tables": {"a": size, "b": size}}]
    lines += [{"t": i * 60, "user": "u", "query": f"q{i}", "reads": {"a": size // 2}} for i in range(10)]
    lines += [{"t": 700, "change": {"a": {"appended_bytes": 1000}, "b": {"rewritten": True}}}]
    lines += [{"t": 800 + i, "user": "v", "query": "x", "reads": {"a": size // 2, "b": 5}} for i in range(2)]
    trace, out = tmp_path / "trace.jsonl", tmp_path / "out.json"
    trace.write_text("\n".join(map(json.dumps, lines)))
    policy.main(["--trace", str(trace), "--budget", "20 GiB", "--json", str(out)])
    found = json.loads(out.read_text())
    assert set(found) == {"cost", "lru", "lfu", "wtinylfu", "gdsf", "never", "always", "optimum"}
    assert all(set(row) == {"money", "seconds"} for row in found.values())
    # 12 queries over 5 GiB of `a`, and two over the least that BigQuery bills for `b`.
    assert abs(found["never"]["money"] - 6.25 * (12 * 5 / 1024 + 2 * 10 / 2**20)) < 1e-9
    assert found["cost"]["money"] < found["never"]["money"]
    assert "× optimum" in capsys.readouterr().out


def test_at_the_edge_of_the_free_tier_cost_is_near_the_optimum_and_below_everything_on_bigquery():
    trace = policy_shapes.allowance(random.Random(5))
    billed = sum(sum(e.reads.values()) for e in trace.events)
    assert abs(billed - 2**40) < 1  # what an account has free in a month
    rows = policy.compare(trace, policy.budget_of(trace, None), ("cost", "never", "optimum"))
    assert rows["cost"].total <= 2 * rows["optimum"].total
    assert rows["cost"].money < rows["never"].money / 2


def test_a_budget_below_the_smallest_table_brings_nothing():
    trace = policy_shapes.cramped(random.Random(5))
    assert trace.budget < min(trace.tables.values())
    rows = policy.compare(trace, policy.budget_of(trace, None), ("cost", "never", "optimum"))
    assert rows["cost"] == rows["never"]
    assert abs(rows["optimum"].total - rows["never"].total) < 1e-9


# -------------------------------------------------------------------------------------- traces from files


def play(tmp_path, lines, budget=None):
    trace, out = tmp_path / "trace.jsonl", tmp_path / "out.json"
    trace.write_text("\n".join(map(json.dumps, lines)))
    policy.main(["--trace", str(trace), "--json", str(out), *(["--budget", budget] if budget else [])])
    return json.loads(out.read_text())


def ask(t, reads, user="u"):
    return {"t": t, "user": user, "query": f"q{t}", "reads": reads}


def test_a_trace_without_events_costs_nothing(tmp_path, capsys):
    found = play(tmp_path, [{"tables": {"a": 10**9}}])
    assert found == {name: {"money": 0.0, "seconds": 0.0} for name in policy.POLICIES}


def test_a_file_that_is_no_trace_is_refused_with_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match="first line must be"):
        play(tmp_path, [])
    with pytest.raises(ValueError, match="neither a query nor a change"):
        play(tmp_path, [{"tables": {}}, {"t": 1, "user": "u"}])


def test_without_room_everything_is_on_bigquery(tmp_path, capsys):
    lines = [{"tables": {"a": 10**9, "b": 3 * 10**9}}]
    lines += [ask(i, {"a": 10**8, "b": 10**9} if i % 2 else {"a": 10**8}) for i in range(20)]
    for budget in ("0", "500 MB"):
        found = play(tmp_path, lines, budget)
        assert all(row == found["never"] for row in found.values())


def test_a_table_that_the_first_line_does_not_name_is_as_large_as_what_is_read_of_it(tmp_path):
    file = tmp_path / "t.jsonl"
    lines = [{"tables": {"a": 10}}, ask(1, {"a": 5, "b": 70}), ask(2, {"b": 90}), {"t": 3, "change": {"c": {}}}]
    file.write_text("\n".join(map(json.dumps, lines)))
    assert read_trace(file).tables == {"a": 10.0, "b": 90.0, "c": 0.0}


def test_changes_before_any_query_and_of_tables_that_nobody_reads_cost_nothing(tmp_path, capsys):
    queries = [ask(100 + i, {"a": 4 * 10**8}) for i in range(9)]
    changes = [
        {"t": 1, "change": {"b": {"rewritten": True}}},
        {"t": 2, "change": {"a": {"rewritten": True}, "unknown": {"appended_bytes": 800}}},
    ]
    plain = play(tmp_path, [{"tables": {"a": 10**9, "b": 10**9}}, *queries], "5 GiB")
    assert play(tmp_path, [{"tables": {"a": 10**9, "b": 10**9}}, *changes, *queries], "5 GiB") == plain


def test_a_query_is_billed_for_the_part_that_it_reads_and_a_transfer_for_the_table(tmp_path, capsys):
    gib = 2**30
    found = play(tmp_path, [{"tables": {"a": 100 * gib}}, *(ask(i, {"a": gib}) for i in range(5))], "200 GiB")
    assert abs(found["never"]["money"] - 6.25 * 5 / 1024) < 1e-9
    assert abs(found["always"]["money"] - (6.25 + 1.10 * 100) / 1024) < 1e-9
    assert found["cost"] == found["never"]  # five small queries do not pay for a hundred times their bytes


def test_users_have_laptops_of_their_own_and_pay_for_their_own_transfers(tmp_path, capsys):
    tables = {"tables": {"a": 10**10}}
    one = play(tmp_path, [tables, *(ask(i, {"a": 5 * 10**9}) for i in range(8))], "20 GB")
    three = [ask(i, {"a": 5 * 10**9}, user) for i in range(8) for user in ("ann", "bob", "eve")]
    found = play(tmp_path, [tables, *three], "20 GB")
    for name in policy.POLICIES:
        assert abs(found[name]["money"] - 3 * one[name]["money"]) < 1e-9
