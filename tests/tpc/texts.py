"""The 121 queries of TPC-H and TPC-DS, each as BigQuery SQL and as DuckDB's own text, and how answers are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent.parent / "fixtures" / "tpc"
DATASETS = {"h": "tpch", "ds": "tpcds"}

# AVG, and division, of NUMERIC give NUMERIC in BigQuery: nine digits after the point, where DuckDB's own text gives
# DOUBLE. What is multiplied by 100 afterwards keeps seven.
RELATIVE = 1e-9
ABSOLUTE = 1e-7

# ROUND(x, 2) of 3/40, which as FLOAT64 is a little less than 0.075, is 0.07 by Google's own reference implementation;
# DuckDB's own text says 0.08. (query, column): how far the two may be apart.
ROUNDED = {("ds78", 3): 0.01 + ABSOLUTE}


@dataclass(frozen=True)
class Query:
    """One query: `family` is `h` or `ds`."""

    family: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.family}{self.number:02d}"

    @property
    def dataset(self) -> str:
        return DATASETS[self.family]

    @property
    def bigquery(self) -> str:
        return (FIXTURES / self.family / f"{self.number:02d}.sql").read_text()

    @property
    def native(self) -> str:
        return (FIXTURES / self.family / f"{self.number:02d}.duckdb.sql").read_text()


QUERIES = [Query("h", n) for n in range(1, 23)] + [Query("ds", n) for n in range(1, 100)]


def differences(left: Sequence[Sequence[Any]], right: Sequence[Sequence[Any]], name: str = "") -> list[str]:
    """What is not the same in two answers of query `name`, whatever the order of their rows; empty where all is."""
    loose = {column: far for (query, column), far in ROUNDED.items() if query == name}
    if len(left) != len(right):
        return [f"{len(left)} rows, not {len(right)}"]
    pairs = zip(sorted(left, key=_place), sorted(right, key=_place), strict=True)
    return [f"{a} is not {b}" for a, b in pairs if not _same_row(a, b, loose)]


def _same_row(a: Sequence[Any], b: Sequence[Any], loose: Mapping[int, float]) -> bool:
    return len(a) == len(b) and all(
        _same(x, y) or (i in loose and abs(float(x) - float(y)) <= loose[i])
        for i, (x, y) in enumerate(zip(a, b, strict=True))
    )


def _place(row: Sequence[Any]) -> tuple[Any, ...]:
    """Where a row is sorted to: exact values first, then numbers with few digits."""
    exact = tuple("" if v is None else str(v) for v in row if not isinstance(v, int | float | Decimal))
    numbers = tuple(
        f"{v:.4e}" if v is not None else "" for v in row if v is None or isinstance(v, int | float | Decimal)
    )
    return exact, numbers


def _same(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    if isinstance(a, int | float | Decimal) and isinstance(b, int | float | Decimal):
        if isinstance(a, int) and isinstance(b, int):
            return a == b
        return math.isclose(float(a), float(b), rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return _instant(a) == _instant(b)


def _instant(value: Any) -> Any:
    """DuckDB gives a TIMESTAMP where BigQuery's text computes with dates."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value
