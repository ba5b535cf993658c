"""RANGE frames that reach a distance before or after the current row's value.

DuckDB computes `key - distance` and `key + distance` in the key's own type, which may overflow where GoogleSQL only stops
at the type's end; so keys are widened first. https://cloud.google.com/bigquery/docs/reference/standard-sql/window-function-calls
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.sql.compiler import Compiler
from bigpato_magic.sql.decimals import cast, width
from bigpato_magic.sql.expr import Expr, Facts
from bigpato_magic.sql.physical import EXACT, FULL, decimal_facts
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.relation import OrderItem
from bigpato_magic.sql.scans import order_item
from bigpato_magic.types import Kind

Node = Any
BOUNDS = {
    "UNBOUNDED_PRECEDING": "UNBOUNDED PRECEDING",
    "CURRENT_ROW": "CURRENT ROW",
    "UNBOUNDED_FOLLOWING": "UNBOUNDED FOLLOWING",
}
# Twice this fits DECIMAL(38,9); without the point, HUGEINT holds any NUMERIC (1e38) and this more.
FARTHEST = 10**28
LARGEST = sys.float_info.max
# Less than half of what separates the largest FLOAT64 values: a sum with it is no larger.
HALF_A_STEP = 1e291


@dataclass(frozen=True, slots=True)
class Distance:
    """What a frame by distance needs of its window: partition keys of its own, the ORDER BY item, the frame's text."""

    partition: list[str]
    order: OrderItem
    frame: str


def constant_offset(c: Compiler, bound: Node) -> Expr:
    """The constant of `2 PRECEDING`.

    Raises:
        Unsupported: it is none, or negative, infinite or NaN, for BigQuery to complain about.
    """
    offset = c.expr(bound.expression)
    if not offset.literal or offset.value is None or not math.isfinite(offset.value) or offset.value < 0:
        refuse("a window frame whose bound is not a constant")
    return offset


def distance(c: Compiler, items: Sequence[Node], bounds: Sequence[Node]) -> Distance:
    """A RANGE frame with at least one distance.

    Raises:
        Unsupported: the type of the key, or NaN among its values where all rows before or after it are in the frame.
    """
    key = c.columns[items[0].column_ref.column.column_id]
    if len(items) != 1 or key.literal or key.type.kind not in WIDENED:
        refuse(f"a RANGE frame over {key.type} values", code="type")
    kinds = [tree.enum(bound, "boundary_type") for bound in bounds]
    offsets = [constant_offset(c, bound) if bound.HasField("expression") else None for bound in bounds]
    widened, texts = WIDENED[key.type.kind](key, offsets)
    c.seen.add(widened)
    edges = [BOUNDS.get(k) or f"{text} {k.removeprefix('OFFSET_')}" for k, text in zip(kinds, texts, strict=True)]
    partition = []
    if key.type.kind is Kind.FLOAT64 and key.facts.nan:
        # NaN is near NaN only, but comes first, which DuckDB's single key cannot say.
        if any(kind.startswith("UNBOUNDED") for kind in kinds):
            refuse("a RANGE frame without a bound over FLOAT64 values that may be NaN")
        partition = [f"coalesce(isnan({key.sql}), false)"]
    return Distance(partition, order_item(widened, items[0]), f"RANGE BETWEEN {' AND '.join(edges)}")


Widened = tuple[Expr, list[str]]


def _whole(key: Expr, offsets: Sequence[Expr | None]) -> Widened:
    """INT64: as it is where all sums fit."""
    farthest = max(o.value for o in offsets if o)
    low, high = key.facts.low, key.facts.high
    if low is not None and high is not None and low - farthest >= -(2**63) and high + farthest < 2**63:
        return key, [o.sql if o else "" for o in offsets]
    return key.written("CAST({a} AS HUGEINT)"), [f"{o.value}::HUGEINT" if o else "" for o in offsets]


def _real(key: Expr, offsets: Sequence[Expr | None]) -> Widened:
    """FLOAT64: a sum that overflows would take in the infinite keys, which GoogleSQL leaves out."""
    farthest = max(o.value for o in offsets if o)
    if farthest >= HALF_A_STEP and (key.facts.magnitude is None or key.facts.magnitude + farthest > LARGEST):
        refuse("a RANGE frame of such a distance")
    return key, [o.sql if o else "" for o in offsets]


def _decimal(key: Expr, offsets: Sequence[Expr | None]) -> Widened:
    """NUMERIC: where sums may not fit, without its point as a HUGEINT."""
    values = [o.value if o else None for o in offsets]
    if any(value is not None and value > FARTHEST for value in values):
        refuse("a RANGE frame of such a distance")
    precision, scale = width(key)
    full = key.written(cast("{a}", *FULL))
    if precision - scale < FULL[0] - FULL[1]:
        return full, ["" if v is None else cast(f"'{v:f}'", *FULL) for v in values]
    whole = full.written("CAST(replace(CAST({a} AS VARCHAR), '.', '') AS HUGEINT)")
    return whole, ["" if v is None else f"{int(v.scaleb(FULL[1], EXACT))}::HUGEINT" for v in values]


def _big_decimal(key: Expr, offsets: Sequence[Expr | None]) -> Widened:
    """BIGNUMERIC: as a NUMERIC, which is exact, or stops the run."""
    if any(o and decimal_facts(o.value)[1] > FULL[1] for o in offsets):
        refuse("a RANGE frame of such a distance")
    return _decimal(replace(key.written("bp_big_as_numeric({a})"), facts=Facts()), offsets)


WIDENED = {Kind.BIGNUMERIC: _big_decimal, Kind.INT64: _whole, Kind.FLOAT64: _real, Kind.NUMERIC: _decimal}
