"""The tables of rules, put together: functions and casts, aggregates and windows, macros and UDFs."""

from __future__ import annotations

from types import ModuleType

from bigpato_magic.sql.rules import (
    aggregates,
    arrays,
    bytes,  # noqa: A004 - the type's name
    casting,
    casts,
    dates,
    decimals,
    floats,
    formats,
    intervals,
    json,
    net,
    numbers,
    operators,
    parses,
    printf,
    regexp,
    statistics,
    strings,
    structs,
    windows,
    zones,
)
from bigpato_magic.sql.rules.base import AggregateRule, Rule, Table, Udf

FAMILIES: tuple[ModuleType, ...] = (
    operators,
    casts,
    numbers,
    decimals,
    floats,
    strings,
    bytes,
    net,
    regexp,
    printf,
    zones,
    dates,
    formats,
    parses,
    intervals,
    casting,
    arrays,
    structs,
    json,
    aggregates,
    statistics,
    windows,
)


def _all(attribute: str) -> list[object]:
    return [entry for family in FAMILIES for entry in getattr(family, attribute, ())]


FUNCTIONS = Table(rule for rule in _all("RULES") if isinstance(rule, Rule))
AGGREGATES = Table(rule for rule in _all("AGGREGATES") if isinstance(rule, AggregateRule))


def macros() -> list[str]:
    """The statements that define the macros which templates use; to be run once per connection, in this order."""
    found: dict[str, str] = {}
    for family in FAMILIES:
        for head, body in getattr(family, "MACROS", {}).items():
            name = head.split("(")[0]
            if name in found:
                raise ValueError(f"two macros named {name}")
            found[name] = f"CREATE OR REPLACE TEMP MACRO {head} AS {body}"
    return list(found.values())


def udfs() -> list[Udf]:
    """The functions that a connection must know; their bodies are in `bigpato_magic.sql.udfs`."""
    return [entry for entry in _all("UDFS") if isinstance(entry, Udf)]
