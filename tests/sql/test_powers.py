"""Roots, powers and logarithms of NUMERIC: whatever is answered is Google's answer, to the last digit."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

import pytest

from bigpato_magic import googlesql
from bigpato_magic.sql.udfs import powers
from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure
from tests.faithfulness import engine

FUNCTIONS: dict[str, tuple[Callable[..., Decimal], int]] = {
    "SQRT": (powers.sqrt, 1),
    "CBRT": (powers.cbrt, 1),
    "EXP": (powers.exp, 1),
    "LN": (powers.ln, 1),
    "LOG10": (powers.log10, 1),
    "LOG": (powers.log, 2),
    "POW": (powers.power, 2),
}
ROWS = 400


def _value(random_: random.Random) -> Decimal:
    unscaled = random_.randint(-(10 ** random_.randint(1, 14)), 10 ** random_.randint(1, 14))
    return Decimal(unscaled).scaleb(-random_.choice([0, 2, 5, 9]))


def _arguments(random_: random.Random, name: str) -> tuple[Decimal, Decimal]:
    first, second = _value(random_), _value(random_)
    if name == "EXP":
        first = Decimal(random_.randint(-30 * 10**9, 66 * 10**9)).scaleb(-9)
    if name == "POW":
        second = Decimal(random_.choice([2, 3, -1, -2, 0, Decimal("0.5"), Decimal("1.25"), random_.randint(-9, 9)]))
    return first, second


def _struct(i: int, row: tuple[Decimal, ...]) -> str:
    fields = (f"NUMERIC '{value:f}' AS {name}" for value, name in zip(row, "ab", strict=False))
    return f"STRUCT({i} AS i, {', '.join(fields)})"


def _ours(function: Callable[..., Decimal], arguments: tuple[Decimal, ...]) -> Decimal | str | None:
    try:
        return function(*arguments)
    except InvalidValue:
        return None
    except Unsure:
        return "unsure"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_googles_to_the_last_digit(name: str) -> None:
    engine.ready()
    function, count = FUNCTIONS[name]
    random_ = random.Random(len(name))
    rows = [_arguments(random_, name)[:count] for _ in range(ROWS)]
    structs = ", ".join(_struct(i, row) for i, row in enumerate(rows))
    called = f"SAFE.{name}({', '.join('ab'[:count])})"
    theirs = googlesql.evaluate(f"SELECT {called} AS r FROM UNNEST([{structs}]) ORDER BY i").column("r").to_pylist()
    ours = [_ours(function, row) for row in rows]
    assert [(row, x, y) for row, x, y in zip(rows, ours, theirs, strict=True) if x not in ("unsure", y)] == []
    assert ours.count("unsure") < ROWS / 2


@pytest.mark.parametrize(
    ("base", "exponent"),
    [("1.00005", "2"), ("-0.50005", "2"), ("618426071249.64", "2.4"), ("62768.2", "6")],
)
def test_what_google_may_round_otherwise_is_left_to_bigquery(base: str, exponent: str) -> None:
    with pytest.raises(Unsure):
        powers.power(Decimal(base), Decimal(exponent))
