"""The session benchmark: what it plays, what it counts, and that it sees a wrong and a stale answer."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest

from benchmarks import session
from benchmarks.session import BILLED, CACHE, COPIES, KEPT, READ, Alone, Cell, Place, Way
from benchmarks.session_cells import CHANGE, NIGHT, REBALANCE, RESTART, STEPS, Step, played
from bigpato_magic.demo import open_warehouse

BY_DAY = "SELECT day, COUNT(*) AS n FROM samples.events GROUP BY day ORDER BY day"
LOOK = "SELECT * FROM samples.events LIMIT 10"
SMALL = (
    Step("look", "look", LOOK),
    Step("new", "days", BY_DAY),
    Step("rerun", "days", BY_DAY),
    Step(NIGHT),
    Step("rerun", "days", BY_DAY),
    Step(CHANGE, sql="DELETE FROM samples.events WHERE event_id = 7"),
    Step("rerun", "days", BY_DAY),
    Step(REBALANCE),
    Step("new", "kinds", "SELECT kind, COUNT(*) AS n FROM samples.events GROUP BY kind"),
)


@pytest.fixture
def place(tmp_path):
    def made(name):
        open_warehouse(tmp_path / name, datasets=("samples",)).close()
        return Place(tmp_path / name)

    return made


def test_the_session_is_long_enough_and_has_what_explorations_have():
    steps = played()
    events = Counter(step.event for step in STEPS)
    assert sum(1 for step in steps if step.cell) >= 80
    assert events[RESTART] == 2
    assert all(events[event] for event in ("look", "edit", "filter", "join", "last step", "rerun", "spelling", CHANGE))


def test_restart_runs_what_stands_in_the_notebook_in_its_order():
    steps = played()
    at = steps.index(Step(RESTART))
    names = list(dict.fromkeys(step.cell for step in STEPS[: STEPS.index(Step(RESTART))] if step.cell))
    assert [step.cell for step in steps[at + 1 : at + 1 + len(names)]] == names
    last = {step.cell: step.sql for step in STEPS[: STEPS.index(Step(RESTART))] if step.cell}
    assert all(step.sql == last[step.cell] for step in steps[at + 1 : at + 1 + len(names)])


def test_the_same_text_is_free_by_bigquerys_own_cache_until_a_night_or_a_change(place, analyzer):
    answers = session.alone(place("alone"), SMALL)
    way = session.with_cache(SMALL, answers)
    assert [cell.part for cell in way.cells] == [BILLED, BILLED, CACHE, BILLED, BILLED, BILLED]
    assert way.billed == sum(answer.cell.billed for answer in answers) - answers[2].cell.billed


def test_a_client_pays_less_and_every_answer_is_bigquerys(place, analyzer):
    answers = session.alone(place("alone"), SMALL)
    way = session.with_client(place("client"), SMALL, answers, {})
    assert (way.wrong, way.stale) == ([], [])
    assert len(way.cells) == len(answers)
    assert [cell.part for cell in way.cells] == [READ, BILLED, KEPT, KEPT, BILLED, COPIES]
    assert way.billed < session.with_cache(SMALL, answers).billed
    assert way.moved > 0


def test_copies_only_has_no_kept_answers(place, analyzer):
    answers = session.alone(place("alone"), SMALL)
    way = session.with_client(place("client"), SMALL, answers, session.COPIES_ONLY)
    assert KEPT not in {cell.part for cell in way.cells}
    assert (way.wrong, way.stale) == ([], [])


# ------------------------------------------------------------------------------------------- comparing


def rows(*values):
    return pa.table({"x": list(values)})


def answer(*values, whole=None):
    return Alone(Cell(BILLED, 10, 1.0, rows(*values)), 10, "", 0.0, whole)


def test_order_counts_where_there_is_an_order_by():
    assert session.same(rows(2, 1), answer(1, 2), "SELECT x FROM t")
    assert not session.same(rows(2, 1), answer(1, 2), "SELECT x FROM t ORDER BY x")
    assert session.same(rows(1, 2), answer(1, 2), "SELECT x FROM t ORDER BY x LIMIT 5")
    assert session.same(rows(2, 1), answer(1, 2), "SELECT x FROM (SELECT x FROM t ORDER BY x LIMIT 2)")


def test_a_limit_lets_bigquery_choose_among_all_rows_and_no_others():
    look = "SELECT x FROM t LIMIT 2"
    assert session.same(rows(3, 4), answer(1, 2, whole=rows(1, 2, 3, 4)), look)
    assert not session.same(rows(3, 5), answer(1, 2, whole=rows(1, 2, 3, 4)), look)
    assert not session.same(rows(3, 3), answer(1, 2, whole=rows(1, 2, 3, 4)), look)
    assert not session.same(rows(3), answer(1, 2, whole=rows(1, 2, 3, 4)), look)


def test_an_answer_of_before_a_change_is_stale_and_any_other_one_is_wrong():
    way, sql = Way(), "SELECT x FROM t"
    before = [answer(1)]
    for value in (2, 1, 3):
        way.cells.append(Cell(COPIES, 0, 0.0, rows(value)))
        session._check(way, sql, answer(2), before[:1])
    assert (way.stale, way.wrong) == ([sql], [sql])
