"""NUMERIC products and sums have room for all their digits, however narrowly their operands are held."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from decimal import Decimal, localcontext

import duckdb
import pyarrow as pa
import pytest

from bigpato_magic.sql import decimals
from bigpato_magic.sql.expr import Expr, column
from bigpato_magic.types import Kind, SqlType

SHAPES = [(18, 2, 18, 2), (10, 2, 9, 4), (9, 2, 9, 2), (18, 0, 18, 0), (18, 9, 1, 0), (5, 5, 18, 2), (18, 4, 20, 0)]
OPERATORS: dict[str, Callable[[Expr, Expr], Expr | None]] = {
    "*": decimals.multiply,
    "+": lambda a, b: decimals.add("+", a, b),
    "-": lambda a, b: decimals.add("-", a, b),
}
PYTHON = {"*": operator.mul, "+": operator.add, "-": operator.sub}


def _values(precision: int, scale: int) -> list[Decimal]:
    random_ = random.Random(precision * 100 + scale)
    largest = 10**precision - 1
    unscaled = [largest, -largest, 0, 1, -1, *(random_.randint(-largest, largest) for _ in range(20))]
    return [Decimal(value).scaleb(-scale) for value in unscaled]


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_exact_up_to_the_largest_operands(shape: tuple[int, int, int, int], sign: str) -> None:
    p, s, q, r = shape
    with localcontext(prec=100):
        # What is larger is an error, in BigQuery too.
        pairs = [(x, y) for x in _values(p, s) for y in _values(q, r) if abs(PYTHON[sign](x, y)) < 10**29]
    a, b = (
        column(name, "t", SqlType(Kind.NUMERIC)).known(decimal=held) for name, held in (("a", (p, s)), ("b", (q, r)))
    )
    expression = OPERATORS[sign](a, b)
    assert expression is not None
    columns = {
        "a": pa.array([x for x, _ in pairs], pa.decimal128(p, s)),
        "b": pa.array([y for _, y in pairs], pa.decimal128(q, r)),
    }
    with duckdb.connect() as connection:
        connection.register("pairs", pa.table(columns))
        rows = connection.execute(f"SELECT a, b, {expression.sql} FROM pairs").fetchall()
    with localcontext(prec=100):
        assert [(x, y, z) for x, y, z in rows if z != PYTHON[sign](x, y)] == []
