"""Values whose meaning only BigQuery knows: what its API makes of them is not documented, or only it has the type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bigpato_magic.types import Kind, Parameter, SqlType

_FOREIGN = (Kind.GEOGRAPHY, Kind.INTERVAL)


def only_bigquery(parameters: Sequence[Parameter]) -> str | None:
    """Why no query with these parameters is answered here; None where nothing speaks against it."""
    reasons = (why for p in parameters for why in _whys(p.type, p.value, top=True))
    return next(reasons, None)


def _whys(of: SqlType, value: Any, *, top: bool = False) -> Iterator[str]:
    if of.kind in _FOREIGN:
        yield f"{'an' if of.kind is Kind.INTERVAL else 'a'} {of.kind} parameter is not answered here"
    elif of.kind is Kind.ARRAY and of.element:
        if not value and not top:
            yield "BigQuery may take an empty array inside a parameter for NULL"
        yield from _whys_of_items(of.element, value)
    elif value is None:
        if of.kind in (Kind.STRUCT, Kind.RANGE):
            yield f"what BigQuery makes of a parameter that is a NULL {of.kind} is not known"
    elif of.kind is Kind.STRUCT:
        for field in of.fields:
            yield from _whys(field.type, value[field.name])


def _whys_of_items(element: SqlType, items: Sequence[Any]) -> Iterator[str]:
    for item in items or (None,) * (element.kind in _FOREIGN):
        yield from _whys(element, item)
