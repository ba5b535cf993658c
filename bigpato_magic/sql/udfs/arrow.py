"""From a Python function of values to a function of Arrow arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa


class InvalidValue(ValueError):
    """BigQuery raises here, and its SAFE form gives NULL."""


class Unsure(ValueError):
    """It is not known what BigQuery gives here."""

    def __init__(self, what: str) -> None:
        super().__init__(f"route: {what}")


def strict(function: Callable[..., Any], result: pa.DataType) -> Callable[..., pa.Array]:
    """`function` over the rows of arrays; a NULL argument gives NULL."""

    def run(*columns: pa.Array) -> pa.Array:
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        return pa.array([None if any(v is None for v in row) else function(*row) for row in rows], result)

    return run


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with one more argument, `safe`: where it is true, `InvalidValue` becomes NULL."""

    def run(*arguments: Any) -> Any:
        *values, safe = arguments
        try:
            return function(*values)
        except InvalidValue:
            if safe:
                return None
            raise

    return run
