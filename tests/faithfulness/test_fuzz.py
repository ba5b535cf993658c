"""Random queries, other ones in each run (in CI the same): the local answer is the evaluator's, or there is none."""

from __future__ import annotations

import os
import random
from dataclasses import replace

from tests.faithfulness import fuzz_errors, fuzz_texts
from tests.faithfulness.fuzz import Place, Report, run, shrunk
from tests.faithfulness.fuzz_query import Generator
from tests.faithfulness.fuzz_tree import Query, Rows, Tree, simpler
from tests.faithfulness.judge import Verdict


def seed() -> int:
    return 20_261_122 if os.environ.get("CI") == "true" else random.SystemRandom().randrange(1 << 40)


def test_random_queries_are_never_answered_wrongly():
    first = seed()
    report = run(first, 250)
    assert report.wrong == [], f"python -m tests.faithfulness.fuzz --seed {first} --queries 250"
    judged = sum(report.kinds.values())
    assert report.kinds["same"] > judged / 2, report.kinds


def test_random_texts_and_patterns_are_never_understood_wrongly():
    first = seed()
    report = fuzz_texts.run(first, 60)
    assert report.wrong == [], f"python -m tests.faithfulness.fuzz_texts --seed {first} --queries 60"
    assert report.kinds["same"] > report.kinds.total() / 2, report.kinds


def test_random_queries_that_raise_for_some_rows_are_never_answered_wrongly():
    first = seed()
    report = fuzz_errors.run(first, 120)
    assert report.wrong == [], f"python -m tests.faithfulness.fuzz_errors --seed {first} --queries 120"
    assert report.kinds["same"] > 30, report.kinds
    assert report.kinds["both fail"] > 10, report.kinds


def test_the_same_seed_makes_the_same_query_that_raises():
    assert str(fuzz_errors.Generator(7).query()) == str(fuzz_errors.Generator(7).query())
    assert len({str(fuzz_errors.Generator(n).query()) for n in range(50)}) > 45


def test_the_same_seed_makes_the_same_query():
    assert str(Generator(7).query()) == str(Generator(7).query())
    assert str(Generator(7).query()) != str(Generator(8).query())
    assert Generator(7).rows() == Generator(7).rows()


class Marked:
    """Stands where a query is asked, and calls every answer wrong that mentions a word."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.rows = Rows((), (), ())

    def judge(self, query: Query) -> Verdict:
        return Verdict("WRONG" if self.word in str(query) else "same", str(query))


def test_a_difference_is_shrunk_to_what_differs():
    generator = Generator(1)
    query = next(q for q in iter(generator.query, None) if "UPPER(" in str(q))
    small, _ = shrunk(query, Marked("UPPER("))
    assert "UPPER(" in str(small)
    assert len(str(small)) < len(str(query))
    assert all(tree is not None for tree in simpler(query.outputs[0]))


def test_what_the_reference_raises_for_rows_that_are_left_out_is_no_difference():
    generator = Generator(3)
    place = Place.of(generator.rows(), written=False)
    report = Report()
    raising = replace(Generator(5).query().outputs[0], text="DIV(1, k - k)", type="INT64", branches=())
    report.add(1, Query((raising,), total="k", limit=" LIMIT 0"), place)
    report.add(2, Query((raising,)), place)
    assert report.wrong == []
    place.world.close()


def test_a_wrong_answer_is_seen(monkeypatch):
    from bigpato_magic.sql.rules import FUNCTIONS, numbers

    place = Place.of(
        Rows(
            ("(1, 1, 1, 1.0, 1.0, NUMERIC '1', 'a', 'a', b'a', NULL, NULL, NULL, NULL, NULL, [], [], NULL)",),
            (),
            ("NULL",) * 10,
        ),
        written=False,
    )
    rule = FUNCTIONS.find("sign", ["INT64"])
    assert rule in numbers.RULES
    monkeypatch.setitem(FUNCTIONS._answers, ("sign", "INT64"), replace(rule, template="CAST(7 AS BIGINT)"))
    verdict = place.judge(Query((Tree("SIGN({0})", "INT64", (Tree("i", "INT64"),)),)))
    assert (verdict.kind, verdict.local, verdict.reference) == ("WRONG", "[{'c0': 7}]", "[{'c0': 1}]")
    place.world.close()
