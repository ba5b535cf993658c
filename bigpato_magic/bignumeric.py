"""BIGNUMERIC as bytes whose order is the numbers' own: 76 digits, which DuckDB's DECIMAL does not have.

A value is a whole number of units of 10**-38 that fits 256 bits. Here it is 32 bytes, most significant first, with the
sign bit turned: equal bytes are equal numbers, and greater bytes greater numbers, so DuckDB compares, sorts, groups and
joins them as BLOBs.
https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

SCALE = 38
BYTES = 32
_OFFSET = 1 << 255
_EXACT = Context(prec=120)


def encode(units: int) -> bytes:
    """The bytes of so many units of 10**-38.

    Raises:
        OverflowError: BIGNUMERIC has no such number.
    """
    return (units + _OFFSET).to_bytes(BYTES, "big")


def decode(held: bytes) -> int:
    """Units of 10**-38."""
    return int.from_bytes(held, "big") - _OFFSET


def units(value: Decimal) -> int:
    """Units of 10**-38 of a value that has no digits below."""
    return int(value.scaleb(SCALE, _EXACT))


def to_arrow(held: pa.Array) -> pa.Array:
    """An Arrow array of such bytes as decimal256(76, 38), which BigQuery's client delivers."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.decimal256(2 * SCALE, SCALE)
    if len(held) == held.null_count:
        return pa.nulls(len(held), kind)
    whole = pc.fill_null(held, bytes(BYTES)).cast(pa.binary(BYTES))
    rows = np.frombuffer(whole.buffers()[1], np.uint8).reshape(-1, BYTES)[whole.offset : whole.offset + len(whole)]
    little = rows[:, ::-1].copy()
    little[:, -1] ^= 0x80
    there = pa.array(np.asarray(pc.is_valid(held))).cast(pa.int8())
    mask = pa.py_buffer(np.packbits(np.asarray(there), bitorder="little").tobytes())
    return pa.Array.from_buffers(kind, len(held), [mask, pa.py_buffer(little.tobytes())], held.null_count)
