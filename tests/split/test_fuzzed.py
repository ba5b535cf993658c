"""Random queries, cut wherever they can be: DuckDB and the evaluator together give what the evaluator alone does."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable, BigPatoError, QueryError
from bigpato_magic.resolved.split import splits
from bigpato_magic.sql.statement import compile_query
from bigpato_magic.types import Compiled
from tests.faithfulness import engine
from tests.faithfulness.fuzz import places
from tests.faithfulness.fuzz_query import Generator
from tests.faithfulness.judge import reference, same

FIRST, MANY, SHARED = 8_000_000, 4, 10


def finished(query, world):
    """Each cut's rest, with what DuckDB's rows become by it, or the error of either part."""
    for split in splits(query) if query.tables else ():
        lower = compile_query(split.lower, world.local, frozenset(), inner=True)
        if not isinstance(lower, Compiled) or split.refusal is not None:
            continue
        try:
            rest = googlesql.prepare_upper(split, query.outputs, most=1000)
        except (AnalyzerUnavailable, QueryError):  # not every resolved query has a text
            continue
        try:
            rows = engine.run(lower, world.copies, world.parameters(query))
            yield rest, googlesql.evaluate_upper(rest, rows, world.parameters(query))
        except BigPatoError as error:  # BigQuery tells it
            yield rest, error


@pytest.mark.parametrize("seed", [FIRST + 50 * i for i in range(MANY)])
def test_random_queries_have_one_answer_wherever_they_are_cut(seed):
    answered = 0
    for number, place in places(seed, seed + SHARED):
        random_query = Generator(number).query()
        try:
            query = googlesql.analyze(str(random_query), place.world.paths, place.world.given)
        except BigPatoError:
            continue
        whole = reference(query, place.world)
        for rest, answer in finished(query, place.world) if not isinstance(whole, BigPatoError) else ():
            if not isinstance(answer, BigPatoError):
                assert same(answer, whole, ordered=bool(random_query.total)), f"{random_query}\n{rest.sql}"
                answered += 1
    assert answered
