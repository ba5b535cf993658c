"""The simulator's claims, in small: nothing is below the bound, and the policy by cost is better than by last use."""

from __future__ import annotations

import json

import pytest

from benchmarks import policy
from benchmarks.policy_workloads import workloads
from benchmarks.policy_world import read_trace

SMALL = 0.4


def test_no_policy_is_below_the_bound_and_cost_beats_the_others_in_the_sum():
    sums = {}
    for trace in workloads(SMALL):
        rows = policy.compare(trace, policy.budget_of(trace, None))
        for name, row in rows.items():
            sums[name] = row + sums.get(name, policy.Row(0, 0, 0))
            if name == policy.KEPT:
                continue  # the bound is of those that hold tables only
            assert rows["optimum"].total <= row.total * 1.000001, (trace.name, name)
            assert rows["optimum"].money <= row.money * 1.000001, (trace.name, name)
            assert rows["optimum"].seconds <= row.seconds * 1.000001, (trace.name, name)
        assert rows["cost"].total < rows["never"].total / 2, trace.name
    assert sums["cost"].total < sums["lru"].total
    assert sums["cost"].money < sums["lru"].money


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
    assert set(found) == {"cost", "cost + kept", "lru", "never", "optimum"}
    assert all(set(row) == {"money", "seconds"} for row in found.values())
    # 11 queries over 5 GiB of `a`, and one over the least that BigQuery bills for `b`: its own cache has the second `x`.
    assert abs(found["never"]["money"] - 6.25 * (11 * 5 / 1024 + 10 / 2**20)) < 1e-9
    assert found["cost"]["money"] < found["never"]["money"]
    assert "× optimum" in capsys.readouterr().out


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
    assert read_trace(file).tables == {"a": {"rows": 10.0}, "b": {"rows": 90.0}, "c": {"rows": 0.0}}


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
    assert abs(found["lru"]["money"] - (6.25 + 1.10 * 100) / 1024) < 1e-9
    assert found["cost"] == found["never"]  # five small queries do not pay for a hundred times their bytes


def test_a_transfer_is_of_the_columns_that_queries_read_and_who_reads_beyond_them_gets_the_rest(tmp_path, capsys):
    gib = 2**30
    tables = {"tables": {"a": {"x": 16 * gib, "y": 16 * gib, "z": 32 * gib}}}
    first = [ask(i, {"a": ["x"]}) for i in range(3)]
    found = play(tmp_path, [tables, *first], "100 GiB")
    assert abs(found["lru"]["money"] - (6.25 * 16 + 1.10 * 16) / 1024) < 1e-9
    beyond = [ask(10 + i, {"a": [name]}) for i, name in enumerate("yzxz")]
    found = play(tmp_path, [tables, *first, *beyond], "100 GiB")
    assert abs(found["lru"]["money"] - (6.25 * (16 + 16) + 1.10 * (16 + 64)) / 1024) < 1e-9
    with pytest.raises(ValueError, match="a has no column w"):
        play(tmp_path, [tables, ask(1, {"a": ["x", "w"]})])


def test_users_have_laptops_of_their_own_and_pay_for_their_own_transfers(tmp_path, capsys):
    tables = {"tables": {"a": 10**10}}
    one = play(tmp_path, [tables, *(ask(i, {"a": 5 * 10**9}) for i in range(8))], "20 GB")
    three = [ask(i, {"a": 5 * 10**9}, user) for i in range(8) for user in ("ann", "bob", "eve")]
    found = play(tmp_path, [tables, *three], "20 GB")
    for name in policy.POLICIES:
        assert abs(found[name]["money"] - 3 * one[name]["money"]) < 1e-9


def test_bigquerys_own_cache_answers_the_same_text_for_nothing_until_a_day_or_a_change(tmp_path, capsys):
    def same(t, user="u"):
        return ask(t, {"a": 5 * 2**30}, user) | {"query": "same"}

    once = 6.25 * 5 / 1024
    cases = {
        1: [same(0), same(10), same(86399)],
        2: [same(0), same(10), same(86400)],  # an answer from the cache does not begin the day anew
        3: [same(0), {"t": 5, "change": {"a": {"appended_bytes": 800}}}, same(10), same(20, "v")],
        4: [ask(t, {"a": 5 * 2**30}) | {"query": name} for t, name in enumerate(("", "", "x", "y"))],
    }
    for times, events in cases.items():
        found = play(tmp_path, [{"tables": {"a": 10 * 2**30}}, *events], "0")
        assert found["never"]["money"] == pytest.approx(times * once)
        assert found["optimum"]["money"] <= found["never"]["money"] + 1e-9


def test_a_repeated_text_is_no_reason_to_bring_a_table_and_other_texts_are(tmp_path, capsys):
    tables = {"tables": {"a": 100 * 2**30}}
    same = [ask(i, {"a": 5 * 2**30}) | {"query": "same"} for i in range(30)]
    other = [ask(i, {"a": 5 * 2**30}) for i in range(30)]
    assert play(tmp_path, [tables, *same], "200 GiB")["cost"]["money"] == pytest.approx(6.25 * 5 / 1024)
    assert play(tmp_path, [tables, *other], "200 GiB")["cost"]["money"] < 0.5 * 30 * 6.25 * 5 / 1024
