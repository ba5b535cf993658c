"""Digests of what a query means: of parts that can be told from one another, and of typed values. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from hashlib import blake2b
from typing import Any

from bigpato_magic.types import Kind, SqlType

FORMAT = "canonical 1, zetasql 0.1.5"
"""What digests rest on: this package's reading of the tree, and the analyzer that makes it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = Context(prec=100)
_BYTES = 16


def digest(*parts: str | bytes) -> str:
    """32 hexadecimal digits that are equal where all parts are, and where nothing else is.

    >>> digest("ab", "c") == digest("a", "bc"), digest("a") == digest(b"a"), len(digest())
    (False, False, 32)
    """
    # The literals of texts and bytes are told from one another, and made in one step.
    return blake2b(repr(parts).encode(), digest_size=_BYTES).hexdigest()


def value_digest(value: Any, of: SqlType) -> str:
    """The digest of a value, alike for a literal's (`resolved.values`) and a parameter's (`parameters.check`).

    Args:
        value: of that type.
        of: the type.

    Raises:
        TypeError: the value is none of the type.
    """
    if value is None:
        return digest("NULL")
    if of.kind is Kind.ARRAY and of.element:
        return digest("ARRAY", *(value_digest(item, of.element) for item in value))
    if of.kind is Kind.STRUCT:
        items = [value[f.name] for f in of.fields] if isinstance(value, Mapping) else value
        return digest("STRUCT", *(value_digest(v, f.type) for v, f in zip(items, of.fields, strict=True)))
    if of.kind is Kind.RANGE and of.element:
        bounds = (value["start"], value["end"]) if isinstance(value, Mapping) else value
        return digest("RANGE", *(value_digest(bound, of.element) for bound in bounds))
    return digest(of.kind, _scalar(value, of.kind))


def _scalar(value: Any, kind: Kind) -> str | bytes:
    if kind is Kind.FLOAT64:
        # NaN has many bit patterns, and SQL tells none from another; 0.0 and -0.0 it does.
        return "nan" if math.isnan(value) else float(value).hex()
    if isinstance(value, Decimal):
        return str(value.normalize(_EXACT)) if value else "0"
    if isinstance(value, datetime) and kind is Kind.TIMESTAMP:
        return str((value - _EPOCH) // timedelta(microseconds=1))
    if isinstance(value, str | bytes):
        return value
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return repr(value)
