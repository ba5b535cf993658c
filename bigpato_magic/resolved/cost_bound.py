"""How much work a query is for the evaluator, which takes only what it will soon have done.

The measure is the largest number of rows that any step may look at: scans and arrays multiply, the arms of a UNION add.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf, prod
from typing import Any

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.scans import properties
from bigpato_magic.types.date_parts import DAY_MICROS, MICROS

UNKNOWN = 300
"""Elements that an array is taken to have where it cannot be told."""
MOST = 10_000
"""Elements of an array that is made from two bounds."""
LONG = 10_000
"""What a text of an unknown length counts for; the evaluator makes none of more than a megabyte."""
_ARRAYS = frozenset({"generate_array", "generate_date_array", "generate_timestamp_array", "generate_range_array"})
_TEXTS = frozenset({"repeat", "lpad", "rpad"})
# At least so long.
_SHORTEST = {**MICROS, "MONTH": 28 * DAY_MICROS, "QUARTER": 90 * DAY_MICROS, "YEAR": 365 * DAY_MICROS}


@dataclass(slots=True)
class CostBound:
    """Measures a statement.

    Args:
        rows: of a TableScan.
    """

    rows: Callable[[Any], int]
    _named: dict[str, int] = field(default_factory=dict)

    def of(self, node: Any) -> int:
        """How many rows the node may look at, with all that is in it.

        Raises:
            AnalyzerUnavailable: an array between bounds that are not constants, or are far apart.
        """
        kind = tree.name(node)
        if kind == "SetOperationScan":
            return sum(map(self.of, node.input_item_list))
        if kind == "WithScan":
            return self._with(node)
        if kind == "WithRefScan":
            return self._named.get(node.with_query_name.lower(), UNKNOWN)
        return max(self._own(kind, node), 1) * prod(map(self.of, tree.children(node)))

    def _with(self, node: Any) -> int:
        most = 1
        for entry in node.with_entry_list:
            most = self._named[entry.with_query_name.lower()] = self.of(tree.node(entry.with_subquery))
        return max(self.of(tree.node(node.query)), most, *self._named.values())

    def _own(self, kind: str, node: Any) -> int:
        if kind == "TableScan":
            return self.rows(node)
        if kind == "ArrayScan":
            return prod(map(_elements, _arrays(node)))
        return _made(node) if kind == "FunctionCall" else 1


def _arrays(scan: Any) -> Iterator[Any]:
    yield from map(tree.node, tree.get(scan, "array_expr_list"))


def _elements(array: Any) -> int:
    """How many elements an array has that its own measure does not count."""
    kind = tree.name(array)
    if kind == "Literal":
        return len(array.value.value.array_value.element)
    if kind == "SubqueryExpr":
        return 1
    if kind == "FunctionCall":
        function = tree.function_name(array)
        if function in _ARRAYS:
            return 1
        if function == "$make_array":
            return len(tree.get(array, "argument_list"))
    return UNKNOWN


def _made(call: Any) -> int:
    """What a call makes of little: an array between two bounds, a long text."""
    function = tree.function_name(call)
    if function not in _ARRAYS and function not in _TEXTS:
        return 1
    arguments = [_constant(tree.node(argument)) for argument in tree.get(call, "argument_list")]
    if function in _TEXTS:
        length = arguments[1]
        return 1 if length is not None and length <= LONG else LONG
    if None in arguments:
        raise AnalyzerUnavailable(f"{function.upper()} between bounds that are not constants is left to BigQuery")
    try:
        count = _between(function, arguments)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        raise AnalyzerUnavailable(f"{function.upper()} of an unknown length is left to BigQuery") from None
    if count > MOST:
        raise AnalyzerUnavailable(f"{function.upper()} of {count:,} elements is left to BigQuery")
    return count


def _between(function: str, arguments: list[Any]) -> int:
    start, stop, *more = arguments
    step: Any = more[0] if more else 1
    if function == "generate_array":
        return max(int((stop - start) / step) + 1, 1)
    size = int(step) * _SHORTEST[more[1] if len(more) > 1 else "DAY"]
    distance = (stop - start).days * DAY_MICROS if function == "generate_date_array" else int(stop - start)
    return max(distance // size + 1, 1)


def _constant(node: Any) -> Any:
    """The value of a constant; None if it is none, or NULL."""
    kind = tree.name(node)
    if kind == "Literal":
        return tree.literal(node)
    if kind == "FunctionCall" and tree.function_name(node) == "$unary_minus":
        value = _constant(tree.node(tree.get(node, "argument_list")[0]))
        return None if value is None else -value
    return None


_KEPT_SIDES = {"LEFT": ("left_scan",), "RIGHT": ("right_scan",), "FULL": ("left_scan", "right_scan")}


def fewest(scan: Any, rows: Callable[[Any], int]) -> int:
    """How many rows a scan gives at least, as far as that can be told without running it.

    Args:
        scan: any.
        rows: of a TableScan.
    """
    kind = tree.name(scan)
    if kind == "TableScan":
        return rows(scan)
    if properties(kind).keeps_rows or (kind == "ArrayScan" and scan.is_outer):
        return fewest(tree.node(tree.get(scan, "input_scan")), rows)
    if kind == "WithScan":
        return fewest(tree.node(scan.query), rows)
    if kind == "JoinScan":
        sides = _KEPT_SIDES.get(tree.enum(scan, "join_type"), ())
        return max((fewest(tree.node(getattr(scan, side)), rows) for side in sides), default=0)
    return 0


def most(scan: Any, rows: Callable[[Any], int]) -> float:
    """How many rows a scan gives at most; infinity where that cannot be told without running it.

    Args:
        scan: any, with the table expressions that it names.
        rows: of a TableScan.
    """
    return _Most(rows, {}).of(tree.node(scan))


@dataclass(frozen=True, slots=True)
class _Most:
    """Reads scans from the top down; of table expressions it remembers what they give."""

    rows: Callable[[Any], int]
    named: dict[str, float]

    def of(self, scan: Any) -> float:
        kind = tree.name(scan)
        if kind == "TableScan":
            return float(self.rows(scan))
        if kind == "SingleRowScan":
            return 1.0
        if kind == "WithRefScan":
            return self.named.get(scan.with_query_name, inf)
        if kind == "WithScan":
            for entry in scan.with_entry_list:
                self.named[entry.with_query_name] = self.of(tree.node(entry.with_subquery))
            return self.of(tree.node(scan.query))
        if kind == "SetOperationScan":
            return sum(self.of(tree.node(item.scan)) for item in scan.input_item_list)
        if kind == "JoinScan":
            left, right = (max(1.0, self.of(tree.node(side))) for side in (scan.left_scan, scan.right_scan))
            return left * right + (left + right if tree.enum(scan, "join_type") != "INNER" else 0.0)
        return self._over(kind, scan)

    def _over(self, kind: str, scan: Any) -> float:
        """Of a scan over one other."""
        if kind not in _NO_MORE_ROWS or not tree.has(scan, "input_scan"):
            return inf
        inside = self.of(tree.node(tree.get(scan, "input_scan")))
        if kind == "LimitOffsetScan":
            count = _constant(tree.node(scan.limit))
            return inside if count is None else min(inside, float(count))
        if kind == "AggregateScan":
            return _groups(scan.parent, inside)
        return inside


_NO_MORE_ROWS = frozenset(
    {"AggregateScan", "AnalyticScan", "BarrierScan", "FilterScan", "LimitOffsetScan", "OrderByScan", "ProjectScan"}
)


def _groups(node: Any, rows: float) -> float:
    if not node.group_by_list:
        return 1.0
    sets = len(node.grouping_set_list) or 1
    return inf if node.rollup_column_list or sets > 1 else max(1.0, rows)
