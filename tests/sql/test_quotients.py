"""NUMERIC quotients are exact to nine places, half away from zero, whichever way computes them."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Decimal, localcontext

import duckdb
import pyarrow as pa
import pytest

from bigpato_magic.sql import decimals
from bigpato_magic.sql.expr import column
from bigpato_magic.types import Kind, SqlType

SHAPES = [(16, 2, 16, 2), (9, 2, 9, 2), (24, 2, 3, 0), (18, 9, 19, 0), (25, 4, 9, 1), (7, 2, 7, 7)]


def _value(random_: random.Random, precision: int, scale: int) -> Decimal:
    unscaled = random_.choice([random_.randrange(10 ** random_.randint(1, precision)), 1, 2, 5, 25, 10**scale])
    return Decimal(min(unscaled, 10**precision - 1) * random_.choice([1, -1])).scaleb(-scale)


def _exact(a: Decimal, b: Decimal) -> Decimal:
    with localcontext(prec=100):
        return (a / b).quantize(Decimal("1e-9"), ROUND_HALF_UP)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_quotient_is_the_exact_one(shape: tuple[int, int, int, int]) -> None:
    p, s, q, r = shape
    random_ = random.Random(p * 1000 + q)
    pairs = [(_value(random_, p, s), _value(random_, q, r)) for _ in range(2000)]
    # Ties: odd numbers of 2**-10 have ten places.
    pairs += [(Decimal(n), Decimal(1024).scaleb(-r) if q < 4 + r else Decimal(1024)) for n in range(1, 1000, 2)]
    pairs = [(a, b) for a, b in pairs if b and abs(a) < 10 ** (p - s) and abs(b) < 10 ** (q - r)]
    a, b = (column(name, "t", SqlType(Kind.NUMERIC)) for name in "ab")
    exact = decimals.quotient(a, b, (p, s), (q, r))
    assert exact is not None
    arrow = pa.table(
        {
            "a": pa.array([a for a, _ in pairs], pa.decimal128(p, s)),
            "b": pa.array([b for _, b in pairs], pa.decimal128(q, r)),
        }
    )
    with duckdb.connect() as connection:
        connection.register("pairs", arrow)
        rows = connection.execute(f"SELECT a, b, {decimals.near(a, b, exact)}, {exact} FROM pairs").fetchall()
    assert [(a, b, near, slow) for a, b, near, slow in rows if not near == slow == _exact(a, b)] == []
