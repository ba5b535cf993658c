"""Arrow batches on their way into a copy: NUMERICs made as narrow as they fit, and a stop where one does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bigpato_magic.errors import TransferError
from bigpato_magic.local.columns import decimal, parse_decimal, widest
from bigpato_magic.types import Column, Kind


class Stream:
    """A stream of batches as a few `RecordBatchReader`s, one for each layout that was needed.

    `held` has DuckDB's type of each NUMERIC column by lower-case name. A reader ends before a batch that does not fit
    it; `widen` then says which columns must become wider, and the next reader goes on with that batch.

    Args:
        columns: to take, by name without regard to case; batches may have more.
        batches: consumed once.
    """

    def __init__(self, columns: Sequence[Column], batches: Iterator[Any]) -> None:
        self.failure: BaseException | None = None
        self._numerics = [c.name.lower() for c in columns if c.type.kind is Kind.NUMERIC]
        self._columns = [c.name for c in columns]
        self._batches = (b for b in batches if b.num_rows)
        first = next(self._batches, None)
        self._waiting = first if first is None else self._pick(first)
        self.held = dict.fromkeys(self._numerics, "DECIMAL(9,0)")
        if self._waiting is not None:
            self.held = self._fitting(self._waiting)

    def reader(self) -> Any:
        """A `pyarrow.RecordBatchReader` of the batches that fit `held`; None at the end."""
        import pyarrow as pa

        if self._waiting is None:
            return None
        first, self._waiting = self._waiting, None
        schema = self._narrow(first).schema
        return pa.RecordBatchReader.from_batches(schema, self._until_unfit(first))

    def widen(self) -> dict[str, str]:
        """The columns that the waiting batch needs wider, with their new types."""
        if self._waiting is None:
            return {}
        needed = self._fitting(self._waiting)
        wider = {name: widest([self.held[name], needed[name]]) for name in self._numerics}
        changed = {name: held for name, held in wider.items() if held != self.held[name]}
        self.held = wider
        return changed

    def _until_unfit(self, first: Any) -> Iterator[Any]:
        import pyarrow as pa

        yield self._narrow(first)
        try:
            for batch in map(self._pick, self._batches):
                try:
                    narrow = self._narrow(batch)
                except pa.ArrowInvalid:
                    self._waiting = batch
                    return
                yield narrow
        except BaseException as error:
            # DuckDB would show only the text of it.
            self.failure = error
            raise

    def _pick(self, batch: Any) -> Any:
        import pyarrow as pa

        places = {name.lower(): i for i, name in reversed(list(enumerate(batch.schema.names)))}
        missing = [name for name in self._columns if name.lower() not in places]
        if missing:
            raise TransferError(f"the transfer brought no column {missing[0]}")
        arrays = [batch.column(places[name.lower()]) for name in self._columns]
        return pa.RecordBatch.from_arrays(arrays, names=self._columns)

    def _narrow(self, batch: Any) -> Any:
        """The batch with its NUMERICs in the widths of `held`; `ArrowInvalid` where a value does not fit."""
        import pyarrow as pa

        arrays = list(batch.columns)
        for i, name in enumerate(self._columns):
            if name.lower() in self.held:
                arrays[i] = arrays[i].cast(pa.decimal128(*parse_decimal(self.held[name.lower()])))
        return pa.RecordBatch.from_arrays(arrays, names=self._columns)

    def _fitting(self, batch: Any) -> dict[str, str]:
        names = [name.lower() for name in self._columns]
        return {name: _narrowest(batch.column(names.index(name))) for name in self._numerics}


def _narrowest(values: Any) -> str:
    """The narrowest DECIMAL that holds all of `values`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    reach = pc.min_max(values).as_py()
    most = max((abs(v) for v in reach.values() if v is not None), default=0)
    digits = len(str(int(most))) if most >= 1 else 0
    for scale in range(10):
        try:
            values.cast(pa.decimal128(38, scale))
        except pa.ArrowInvalid:
            continue
        return decimal(digits, scale)
    raise TransferError("a NUMERIC has more than nine digits after the point")
