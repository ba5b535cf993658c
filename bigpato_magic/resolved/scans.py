"""What is known of each kind of scan: the one table that column pruning, splitting, cost and partitions ask. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ScanProperties:
    """What holds of every scan of one kind; of a kind that is not in `SCANS` nothing does.

    Args:
        passes_columns: its column list says only which columns of its input, or of its own definitions, go on.
        comes_off: it has one input, and may be taken off the top of a query whose rest is computed elsewhere.
        keeps_rows: it has at least as many rows as its input.
        keeps_values: each of its rows is a row of its input, with the same values in that row's columns.
        lets_filters_pass: it computes nothing and filters nothing, and still a predicate over its rows may be asked of its
            input's rows, and the answer is the same.
    """

    passes_columns: bool = False
    comes_off: bool = False
    keeps_rows: bool = False
    keeps_values: bool = False
    lets_filters_pass: bool = False


_NOTHING = ScanProperties()
_ONLY_COLUMNS = ScanProperties(passes_columns=True)
_LINK = ScanProperties(passes_columns=True, comes_off=True)
SCANS: Mapping[str, ScanProperties] = MappingProxyType(
    {
        "AggregateScan": _LINK,
        # A window, as a LIMIT, looks at all rows: which of them are left decides what it gives.
        "AnalyticScan": ScanProperties(passes_columns=True, comes_off=True, keeps_rows=True, keeps_values=True),
        "ArrayScan": _LINK,
        "BarrierScan": ScanProperties(passes_columns=True, keeps_rows=True),
        "FilterScan": ScanProperties(passes_columns=True, comes_off=True, keeps_values=True),
        "JoinScan": _ONLY_COLUMNS,
        "LimitOffsetScan": ScanProperties(passes_columns=True, comes_off=True, keeps_values=True),
        "OrderByScan": ScanProperties(
            passes_columns=True, comes_off=True, keeps_rows=True, keeps_values=True, lets_filters_pass=True
        ),
        "ProjectScan": ScanProperties(passes_columns=True, comes_off=True, keeps_rows=True),
        "SetOperationScan": _ONLY_COLUMNS,
        "SingleRowScan": _ONLY_COLUMNS,
        "TableScan": _ONLY_COLUMNS,
        "WithRefScan": _ONLY_COLUMNS,
        "WithScan": _ONLY_COLUMNS,
    }
)
PASSING = frozenset(kind for kind, scan in SCANS.items() if scan.passes_columns)


def properties(kind: str) -> ScanProperties:
    """What holds of a kind of scan, as `tree.name` calls it."""
    return SCANS.get(kind, _NOTHING)
