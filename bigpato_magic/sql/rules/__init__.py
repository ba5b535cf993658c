"""The tables of rules, put together: functions and casts, aggregates and windows, macros and UDFs."""

from __future__ import annotations

from types import ModuleType

from bigpato_magic.sql.null_on_error import NullOnError
from bigpato_magic.sql.rules import (
    aggregates,
    arrays,
    bytes,  # noqa: A004 - the type's name
    casting,
    casts,
    dates,
    decimals,
    estimates,
    floats,
    formats,
    intervals,
    json,
    moments,
    mutators,
    net,
    number_formats,
    numbers,
    operators,
    parses,
    powers,
    printf,
    ranges,
    regexp,
    statistics,
    strings,
    windows,
    zones,
)
from bigpato_magic.sql.rules.base import AggregateRule, Rule, Table, Udf
from bigpato_magic.sql.templates import MACROS, name_of

FAMILIES: tuple[ModuleType, ...] = (
    operators,
    casts,
    numbers,
    decimals,
    powers,
    floats,
    strings,
    bytes,
    net,
    regexp,
    printf,
    zones,
    dates,
    moments,
    formats,
    parses,
    intervals,
    ranges,
    casting,
    number_formats,
    arrays,
    json,
    mutators,
    aggregates,
    statistics,
    windows,
)


def _all(attribute: str) -> list[object]:
    return [entry for family in FAMILIES for entry in getattr(family, attribute, ())]


FUNCTIONS = Table(rule for rule in _all("RULES") if isinstance(rule, Rule))
AGGREGATES = Table(rule for rule in _all("AGGREGATES") if isinstance(rule, AggregateRule))
ESTIMATES = Table(estimates.ESTIMATES)


def _macros() -> dict[str, str]:
    bodies: dict[str, str] = {}
    names: set[str] = set()
    for family in FAMILIES:
        for head, body in getattr(family, "MACROS", {}).items():
            name = name_of(head)
            if name in names:
                raise ValueError(f"two macros named {name}")
            names.add(name)
            bodies[head] = body
    return bodies


NULL_ON_ERROR = NullOnError(_macros(), [udf.name for udf in _all("UDFS") if isinstance(udf, Udf)])
_DEFINED = _macros() | NULL_ON_ERROR.twins
MACROS.define(_DEFINED)


def macros() -> list[str]:
    """The statements that define the macros which templates use; to be run once per connection, in this order."""
    return [f"CREATE OR REPLACE TEMP MACRO {head} AS {body}" for head, body in _DEFINED.items()]


def udfs() -> list[Udf]:
    """The functions that a connection must know; their bodies are in `bigpato_magic.sql.udfs`."""
    return [entry for entry in _all("UDFS") if isinstance(entry, Udf)]
