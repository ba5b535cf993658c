"""The simulator's two claims, in small: near the optimum everywhere, and better than every other policy in the sum."""

from __future__ import annotations

import json

from benchmarks import policy
from benchmarks.policy_workloads import workloads

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
