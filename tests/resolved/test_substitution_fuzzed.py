"""Random queries of which a part is kept: read from there, the answer is what Google's reference implementation says."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.substitution import substituted
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.types import Compiled
from tests.faithfulness import engine
from tests.faithfulness.fuzz import Place, places
from tests.faithfulness.fuzz_query import Generator
from tests.faithfulness.judge import reference, same
from tests.resolved import kept

FIRST, SHARED = 9_000_000, 12
MANY = int(os.environ.get("BIGPATO_SUBSTITUTED", "10000"))
"""Queries of the exhaustive run."""


def judged(number: int, place: Place) -> Counter[str]:
    """How the parts of one query fared."""
    ended: Counter[str] = Counter()
    random_query = Generator(number).query()
    try:
        query = googlesql.analyze(str(random_query), place.world.paths, place.world.given)
    except BigPatoError:
        return ended
    whole = reference(query, place.world)
    if isinstance(whole, BigPatoError):
        return ended
    given = place.world.parameters(query)
    for part in kept.parts(query, given)[:4]:
        with kept.kept(query, part, place.world, f"{number:x}") as copy:
            less = substituted(query, [copy], given, None) if copy else None
            if copy is None or less is None:
                ended["no copy" if copy is None else f"not used: {tree.name(part.scan)}"] += 1
                continue
            assert copy.table in less.tables
            compiled = compile_query(less, {**place.world.local, copy.table: kept.local(copy)})
            if not isinstance(compiled, Compiled):
                ended["refused"] += 1
                continue
            try:
                answer = engine.run(compiled, [*place.world.copies, copy], given)
            except BigPatoError:
                ended["guarded"] += 1
                continue
            either = random_query.distinct or bool(random_query.other and random_query.other[0] != "UNION ALL")
            assert same(answer, whole, ordered=bool(random_query.total), either_zero=either), (
                f"{number}: {random_query}\n{tree.name(part.scan)}\n{compiled.sql}\n{answer.to_pylist()}\n{whole.to_pylist()}"
            )
            ended["same"] += 1
    return ended


def run(first: int, queries: int) -> Counter[str]:
    engine.ready()
    ended: Counter[str] = Counter()
    for number, place in places(first, first + queries):
        if not place.written:
            ended += judged(number, place)
    return ended


@pytest.mark.parametrize("first", [FIRST + 200 * i for i in range(1, 4)])
def test_a_kept_part_gives_the_answer_of_the_whole(first):
    ended = run(first, SHARED)
    assert ended["same"] > 10, ended
    assert ended["same"] > sum(ended.values()) / 3, ended


@pytest.mark.exhaustive
def test_kept_parts_of_many_queries_give_the_answers_of_the_whole():
    ended = run(FIRST + 10_000, MANY)
    print(ended)
    assert ended["same"] > MANY / 2, ended
