"""Random small queries: other spellings have one digest, and what has one digest has one answer, over many small tables."""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError
from bigpato_magic.resolved.canonical import Question, question
from bigpato_magic.types import AnalyzedQuery
from tests.faithfulness import engine
from tests.faithfulness.judge import rows_of
from tests.faithfulness.world import World, table_of
from tests.resolved.spellings import Speller

MANY = int(os.environ.get("BIGPATO_SPELLINGS", "10000"))
"""Queries of the exhaustive run."""
VARIANTS = 4


@pytest.fixture(scope="module")
def worlds():
    engine.ready()
    chance = Random(20261129)
    made = [
        World({name: table_of(name, {"p": "INT64", "q": "INT64"}, _rows(chance)) for name in ("t", "u")})
        for _ in range(4)
    ]
    yield made
    for world in made:
        world.close()


def _rows(chance: Random) -> list[str]:
    value = ("0", "1", "2", "3", "NULL")
    return [f"({chance.choice(value)}, {chance.choice(value)})" for _ in range(chance.choice((2, 3, 5, 6)))]


def asked(sql: str, worlds: list[World]) -> tuple[AnalyzedQuery, Question] | None:
    try:
        query = googlesql.analyze(sql, worlds[0].paths)
    except BigPatoError:
        return None
    found = question(query, (), None)
    assert found is not None, sql
    return query, found


def answers(query: AnalyzedQuery, world: World, columns: list[int]) -> Any:
    """The rows as a bag, of these columns; the kind of error where it stops."""
    try:
        rows = rows_of(world.reference(query))
    except BigPatoError as error:
        return type(error)
    return Counter(tuple(row[place] for place in columns) for row in rows)


def equal_where_they_must_be(one: Any, other: Any, worlds: list[World]) -> bool:
    """Whether two queries are of one digest; if they are, columns of one name have the same values."""
    (query, first), (query2, second) = one, other
    if first.digest != second.digest:
        return False
    common = [name for name in first.columns if name in second.columns]
    places = ([first.columns.index(name) for name in common], [second.columns.index(name) for name in common])
    for world in worlds:
        ones, others = answers(query, world, places[0]), answers(query2, world, places[1])
        if isinstance(ones, Counter) and isinstance(others, Counter):
            assert ones == others, f"{query.sql}\n{query2.sql}"
    return True


def judge(chance: Random, worlds: list[World]) -> Counter[str]:
    """One query, another spelling of it, and some changes."""
    speller = Speller(chance)
    sql = speller.query()
    query = asked(sql, worlds)
    if query is None:
        return Counter({"refused": 1})
    again = asked(speller.respelled(sql), worlds)
    assert again is not None
    assert again[1] == query[1], sql
    ended = Counter(respelled=1)
    texts = {speller.changed(sql) for _ in range(VARIANTS)}
    known = [query, *(found for text in sorted(texts) if (found := asked(text, worlds)) is not None)]
    for place, one in enumerate(known):
        for other in known[:place]:
            ended["equal" if equal_where_they_must_be(one, other, worlds) else "other"] += 1
    return ended


HEALTH = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


@settings(max_examples=60, suppress_health_check=HEALTH, deadline=None)
@given(chance=st.randoms(use_true_random=False))
def test_what_has_one_digest_has_one_answer(worlds, chance):
    judge(chance, worlds)


def test_changes_of_both_kinds_are_among_those_that_are_judged(worlds):
    ended: Counter[str] = Counter()
    for seed in range(25):
        ended += judge(Random(seed), worlds)
    assert ended["respelled"] > 20, ended
    assert ended["equal"] > 10, ended
    assert ended["other"] > ended["equal"], ended


@pytest.mark.exhaustive
def test_what_has_one_digest_has_one_answer_in_many_queries(worlds):
    ended: Counter[str] = Counter()
    for seed in range(1_000_000, 1_000_000 + MANY):
        ended += judge(Random(seed), worlds)
    print(ended)
    assert ended["respelled"] > MANY / 2
