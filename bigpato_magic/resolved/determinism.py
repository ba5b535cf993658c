"""Whether a query means the same each time that it runs over the same rows, as BigQuery's result cache asks."""

from __future__ import annotations

import re
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.types import Kind

Node = Any

# https://cloud.google.com/bigquery/docs/cached-results#cache-exceptions
# https://cloud.google.com/bigquery/docs/table-sampling
ANOTHER_EACH_TIME = frozenset(
    {
        "aead.encrypt",
        "current_date",
        "current_datetime",
        "current_time",
        "current_timestamp",
        "generate_uuid",
        "keys.new_keyset",
        "keys.new_wrapped_keyset",
        "keys.rotate_keyset",
        "keys.rotate_wrapped_keyset",
        "rand",
        "session_user",
    }
)
"""Functions whose value depends on more than their arguments."""

_OTHERS = ("SampleScan", "SystemVariable", "TVFScan")


_DATED = frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')


def repeatable(statement: Node) -> bool:
    """No clock, no chance, no question who asks: the same rows give the same answer."""
    for node in tree.walk(statement, (*tree.CALLS, *_OTHERS, "Cast")):
        if tree.name(node) == "Cast":
            if completed_by_today(node):
                return False
        elif tree.name(node) in _OTHERS or tree.function_name(node) in ANOTHER_EACH_TIME:
            return False
    return True


def completed_by_today(cast: Node) -> bool:
    """Whether a CAST with FORMAT may take the year or the month from the clock, as its text does not tell them.

    `CAST('03' AS DATE FORMAT 'MM')` is a day of the current year, `YY` a year of the current century:
    https://github.com/google/zetasql/blob/master/zetasql/public/functions/cast_date_time.h

    Args:
        cast: a Cast node.
    """
    if not tree.has(cast, "format"):
        return False
    try:
        if tree.type_of(cast).kind not in _DATED:
            return False
        told = tree.literal(tree.node(cast.format))
    except (tree.UnknownType, AttributeError):
        return True  # a format that is known only when the query runs
    elements = _QUOTED.sub("", str(told)).upper()
    return "YYYY" not in elements or not any(month in elements for month in ("MM", "MON", "DDD"))
