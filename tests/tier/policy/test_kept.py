"""Kept answers in the simulator: what they give again, when they go, and that they never lose against `cost` alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import policy
from benchmarks.policy_kept import HOLD_FOR, KeptAnswers, answer_bytes
from benchmarks.policy_workloads import workloads
from benchmarks.policy_world import Change, Query, Read, Table, Tally, Trace

MIB = 2**20
GIB = 2**30
DAY = 86400.0
ONCE = 6.25 * 5 / 1024
"""Dollars for 5 GiB."""


def play(tmp_path, lines, budget):
    trace, out = tmp_path / "trace.jsonl", tmp_path / "out.json"
    trace.write_text("\n".join(map(json.dumps, lines)))
    policy.main(["--trace", str(trace), "--json", str(out), "--budget", budget])
    return json.loads(out.read_text())


def ask(t, query="same", user="u", reads=None, **more):
    return {"t": t, "user": user, "query": query, "reads": reads or {"a": 5 * GIB}, **more}


# ------------------------------------------------------------------------------------------- what is given again

REWRITTEN = {"t": 2 * DAY, "change": {"a": {"rewritten": True}}}
APPENDED = {"t": 2 * DAY, "change": {"a": {"appended_bytes": 800}}}
OF_ANOTHER = {"t": 2 * DAY, "change": {"b": {"rewritten": True}}}


@pytest.mark.parametrize(
    ("events", "times"),
    [
        ([ask(i * 1.5 * DAY) for i in range(9)], 1),  # each time BigQuery's own cache has forgotten it
        ([ask(0), REWRITTEN, ask(3 * DAY), ask(5 * DAY)], 2),
        ([ask(0), APPENDED, ask(3 * DAY)], 2),
        ([ask(0), OF_ANOTHER, ask(3 * DAY)], 1),
        ([ask(0), ask(3 * DAY, user="v")], 2),
        ([ask(0), ask(3 * DAY, "other")], 2),
        ([ask(0, ""), ask(3 * DAY, "")], 2),
        ([ask(0), ask(HOLD_FOR + 1)], 2),
        ([ask(0), ask(HOLD_FOR), ask(2 * HOLD_FOR)], 1),  # held for so long since its last use
        ([ask(0, answer_bytes=64 * MIB), ask(3 * DAY)], 1),
        ([ask(0, answer_bytes=64 * MIB + 1), ask(3 * DAY)], 2),  # too large to keep
    ],
)
def test_the_same_question_is_paid_once_while_its_tables_are_unchanged_and_the_answer_is_held(
    tmp_path, capsys, events, times
):
    found = play(tmp_path, [{"tables": {"a": 1000 * GIB, "b": GIB}}, *events], "10 GiB")
    assert found["cost + kept"]["money"] == pytest.approx(times * ONCE)


def test_a_quarter_of_the_budget_holds_what_bills_the_most_for_its_bytes(tmp_path, capsys):
    dear, cheap = {"a": 50 * GIB}, {"a": GIB}
    first = [ask(0, "dear", reads=dear, answer_bytes=40 * MIB), ask(1, "cheap", reads=cheap, answer_bytes=40 * MIB)]
    again = [ask(2 * DAY, "dear", reads=dear), ask(2 * DAY + 1, "cheap", reads=cheap)]
    tables = {"tables": {"a": 1000 * GIB}}
    both = play(tmp_path, [tables, *first, *again], "320 MiB")["cost + kept"]["money"]
    one = play(tmp_path, [tables, *first, *again], "319 MiB")["cost + kept"]["money"]
    assert both == pytest.approx(6.25 * 51 / 1024)
    assert one == pytest.approx(6.25 * 52 / 1024)


def test_what_is_used_often_outlives_what_bills_as_much_and_is_not(tmp_path):
    kept = KeptAnswers({"a": Table({"rows": 100.0 * GIB})}, 256 * MIB, Tally())

    def query(name, t):
        return Query(t, "u", name, {"a": Read(frozenset({"rows"}), GIB)}, 30 * MIB)

    for t, name in enumerate("xy"):
        kept.keep(query(name, t))
    assert kept.answers(query("x", 3))
    kept.keep(query("z", 4))
    assert set(kept.held) == {"x", "z"}
    assert kept.tally.evicted == 1


def test_copies_have_the_room_first(tmp_path):
    kept = KeptAnswers({"a": Table({"rows": 100.0 * GIB})}, GIB, Tally())
    kept.keep(Query(0, "u", "x", {"a": Read(frozenset({"rows"}), GIB)}, 30 * MIB))
    kept.fit(30 * MIB, 1)
    assert set(kept.held) == {"x"}
    kept.fit(30 * MIB - 1, 2)
    assert not kept.held


def test_the_size_of_an_answer_is_the_traces_or_an_estimate_that_the_printout_names(tmp_path, capsys):
    read = {"a": Read(frozenset({"rows"}), GIB)}
    assert answer_bytes(Query(0, "u", "x", read, 7.0)) == 7
    assert answer_bytes(Query(0, "u", "x", read)) == GIB / 1000
    assert answer_bytes(Query(0, "u", "x", {"a": Read(frozenset({"rows"}), 1e12)})) == 16 * MIB
    play(tmp_path, [{"tables": {"a": 10 * GIB}}, ask(0), ask(2 * DAY)], "1 GiB")
    assert "sizes of 1 are estimates" in capsys.readouterr().out
    play(tmp_path, [{"tables": {"a": 10 * GIB}}, ask(0, answer_bytes=5), ask(2 * DAY)], "1 GiB")
    assert "estimate" not in capsys.readouterr().out


def test_what_bigquerys_own_cache_had_too_is_told_apart(tmp_path, capsys):
    play(tmp_path, [{"tables": {"a": 100 * GIB}}, ask(0), ask(100), ask(2 * DAY)], "1 GiB")
    assert "2 given for 3 queries that copies left, BigQuery's own cache had 1 of these too" in capsys.readouterr().out


# ---------------------------------------------------------------------------------------- never more than without


def test_a_table_comes_as_soon_as_if_no_answer_had_been_given_again(tmp_path, capsys):
    """If its policy saw only what kept answers leave, the last query would be billed whole: 2.8 times as much."""
    small, whole = {"a": 10 * GIB}, {"a": 64 * GIB}
    events = [ask(i * 1.1 * DAY, reads=small, answer_bytes=MIB) for i in range(2)] + [
        ask(2.2 * DAY, "other", reads=whole)
    ]
    found = play(tmp_path, [{"tables": {"a": 64 * GIB}}, *events], "500 GiB")
    transfer, once = 64 * 1.10 / 1024, 10 * 6.25 / 1024
    assert found["cost"]["money"] == pytest.approx(2 * once + transfer)
    assert found["cost + kept"]["money"] == pytest.approx(once + transfer)


NAMES = "abc"
TEXTS = [f"q{i}" for i in range(6)]


@st.composite
def traces(draw):
    """Days over three tables with few texts, of which each reads the same each time; appends, rewrites, pauses."""
    tables = {name: {"x": draw(SIZES), "y": draw(SIZES)} for name in NAMES}
    texts = {text: draw(st.dictionaries(st.sampled_from(NAMES), COLUMNS, min_size=1, max_size=2)) for text in TEXTS}
    sizes = {text: draw(st.one_of(st.none(), st.floats(0, 80 * MIB))) for text in TEXTS}
    t, events = 0.0, []
    for pause, what, who in draw(st.lists(st.tuples(PAUSES, WHAT, st.sampled_from("uv")), max_size=30)):
        t += pause
        if isinstance(what, str):
            reads = {n: Read(frozenset(c), sum(tables[n][x] for x in c)) for n, c in texts[what].items()}
            events.append(Query(t, who, what, reads, sizes[what]))
        else:
            events.append(Change(t, {what[0]: what[1]}))
    share = draw(st.sampled_from([0.01, 0.1, 0.3, 0.6, 1.2]))
    return Trace("random", tables, tuple(events)), share * sum(sum(c.values()) for c in tables.values())


SIZES = st.sampled_from([4e6, 1e8, 1e9, 2e10])
COLUMNS = st.sets(st.sampled_from("xy"), min_size=1).map(sorted)
PAUSES = st.sampled_from([1.0, 3600.0, 20 * 3600.0, 25 * 3600.0, 8 * DAY])
WHAT = st.one_of(
    *[st.sampled_from(TEXTS)] * 3,
    st.tuples(st.sampled_from(NAMES), st.sampled_from([None, 1e8])),
)


@given(traces())
def test_kept_answers_never_cost_more_money_or_waiting_than_none(drawn):
    trace, budget = drawn
    cost, kept = (policy.simulate(trace, name, budget) for name in ("cost", "cost + kept"))
    assert kept.money <= cost.money * (1 + 1e-9)
    assert kept.seconds <= cost.seconds * (1 + 1e-9)
    assert kept.background == cost.background  # the very same transfers
    assert kept.total <= cost.total * (1 + 1e-9)


@given(traces())
def test_copies_and_kept_answers_together_never_take_more_than_the_budget(drawn):
    trace, budget = drawn
    tables = trace.opening()
    laptop = policy.Laptop(tables, budget, "cost + kept")
    for event in trace.events:
        if isinstance(event, Change):
            for name, appended in event.tables.items():
                tables[name].change(appended)
            laptop.changed(event.tables, event.t)
        else:
            laptop.query(event)
        held = laptop.kept.taken
        copies = sum(copy.bytes for copy in laptop.copies.values())
        assert held <= 0.25 * budget
        assert held == 0 or held + copies <= budget


def test_on_the_six_workloads_kept_answers_never_lose_and_gain_in_the_sum():
    sums = {}
    for trace in workloads(0.3):
        rows = policy.compare(trace, policy.budget_of(trace, None), ("cost", "cost + kept"))
        assert rows["cost + kept"].money <= rows["cost"].money, trace.name
        assert rows["cost + kept"].seconds <= rows["cost"].seconds, trace.name
        sums = {name: row + sums.get(name, policy.Row(0, 0, 0)) for name, row in rows.items()}
    assert sums["cost + kept"].total < sums["cost"].total
