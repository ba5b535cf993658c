"""What depends on a parameter's value, judged by the evaluator."""

from __future__ import annotations

import pytest

from bigpato_magic.types import Kind, Parameter, SqlType
from tests.faithfulness.judge import judge
from tests.faithfulness.world import World, table_of

ROWS = ("(1, 'a')", "(2, CAST(NULL AS STRING))", "(3, 'b')")
AGGREGATES = ("STRING_AGG(s, @p)", "STRING_AGG(s, @p ORDER BY k DESC LIMIT 1)", "STRING_AGG(s, @p) OVER (ORDER BY k)")


@pytest.mark.parametrize(("value", "kind"), [(None, "both fail"), ("-", "same")])
@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_a_null_separator_is_an_error(aggregate, value, kind):
    world = World(
        {"t": table_of("t", {"k": "INT64", "s": "STRING"}, ROWS)}, [Parameter("p", SqlType(Kind.STRING), value)]
    )
    verdict = judge(f"SELECT {aggregate} AS x FROM t", world)
    assert verdict.kind == kind, verdict
    world.close()
