"""Hand an answer over: as the kind of frame that was asked for, into a variable or onto the screen."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.notebook.footnote import Note

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from bigpato_magic.client import BigPato
    from bigpato_magic.types import QueryResult, TableId


@dataclass(frozen=True, slots=True)
class HandOver:
    """How a result is wanted.

    Args:
        to: `pandas`, `arrow`, `polars` or `duckdb`.
        max_results: rows to keep, None for all.
        destination: the variable that takes it, None to show it.
        shown: show it although it has a destination.
        verbose: unfold the reasons.
        begun: when the person began to wait, by `time.perf_counter`; None where nobody counts.
    """

    to: str = "pandas"
    max_results: int | None = None
    destination: str | None = None
    shown: bool = False
    verbose: bool = False
    begun: float | None = None

    @property
    def waited(self) -> float | None:
        """Seconds until now."""
        return None if self.begun is None else time.perf_counter() - self.begun


def ready_to_hand_over(result: QueryResult, to: str) -> QueryResult:
    """Import what a frame is made with, on the thread that ran the query: its progress line stays until then.

    It takes a second or two in a kernel's first cell. Behind the query and not beside it, so that nobody else imports
    meanwhile (see `warming`): the main thread only waits.
    """
    if result.relation is None and result.arrow.num_columns and to in _MADE_WITH:
        with suppress(ImportError):  # said where the frame is made
            import_module(_MADE_WITH[to])
    return result


def shown_before(result: QueryResult) -> tuple[QueryResult, ...]:
    """What the statements of a script gave before its own result, which is that of the last one with rows."""
    if not result.arrow.num_columns:
        return result.statements
    last = max((i for i, one in enumerate(result.statements) if one.arrow.num_columns), default=0)
    return result.statements[:last] + result.statements[last + 1 :]


_MADE_WITH = {"pandas": "pandas", "polars": "polars"}


def hand_over(shell: InteractiveShell, client: BigPato, result: QueryResult, wish: HandOver) -> tuple[Any, Note]:
    """The object that the cell returns, if any, and its footnote; a named result goes into the notebook's variables."""
    if not result.arrow.num_columns:
        if wish.destination:
            # As `%%bigquery` does: what stood there before is not what this statement gives.
            shell.push({wish.destination: convert(result.arrow, wish.to)})  # type: ignore[no-untyped-call]
        note = note_of(client, result, waited=wish.waited, unfolded=wish.verbose)
        _publish(note)
        return None, note
    value, note = _value(client, result, wish)
    if wish.destination:
        shell.push({wish.destination: value})  # type: ignore[no-untyped-call]
    if not wish.destination or wish.shown:
        return _shown(client, value, note, wish, result), note
    if client.footnote:
        _publish(note)
    return None, note


def _value(client: BigPato, result: QueryResult, wish: HandOver) -> tuple[Any, Note]:
    """What the person gets of it, and its footnote; nobody knows yet how many rows a lazy relation has."""
    note = partial(note_of, client, result, name=wish.destination, unfolded=wish.verbose)
    if result.relation is not None:
        limited = result.relation if wish.max_results is None else result.relation.limit(wish.max_results)
        return limited, note(waited=wish.waited)
    table = result.arrow if wish.max_results is None else result.arrow.slice(0, wish.max_results)
    value = convert(table, wish.to)
    return value, note(waited=wish.waited, rows=result.arrow.num_rows, shown=table.num_rows)


def note_of(client: BigPato, result: QueryResult, **more: Any) -> Note:
    """The footnote of a result, with the client's prices and console."""
    return Note(
        result,
        price=client.tier.price_of_query,
        slots=client.tier.pricing.objective == "time",
        console_project=_console(client),
        transfer=partial(_transfer, client),
        **more,
    )


def _transfer(client: BigPato, tables: Sequence[TableId]) -> tuple[int, float] | None:
    """Bytes and dollars of bringing these tables whole, by what is known already."""
    facts = [client.tier.facts.known(table) for table in tables]
    sizes = [known.version.bytes for known in facts if known is not None]
    return (sum(sizes), client.tier.price_of_transfer(sum(sizes))) if len(sizes) == len(tables) else None


def convert(table: Any, to: str) -> Any:
    """An Arrow table as another kind of frame.

    Raises:
        ConfigurationError: its package is not installed, or has no type for a column.
    """
    if to == "arrow":
        return table
    if to == "polars":
        from bigpato_magic.frames import to_polars

        return to_polars(table)
    if to == "duckdb":
        if not table.num_columns:
            return None  # DuckDB has no relation without columns
        from bigpato_magic.local.relation import relation

        return relation(table)
    from bigpato_magic.frames import to_pandas

    return to_pandas(table)


def check_kind(to: str) -> None:
    """See that this kind of frame can be had, before a query is paid for.

    Raises:
        ConfigurationError: its package is not installed.
    """
    if to == "polars" and importlib.util.find_spec("polars") is None:
        raise ConfigurationError("polars is not installed", hint="pip install 'bigpato-magic[polars]'")


def _shown(client: BigPato, value: Any, note: Note, wish: HandOver, result: QueryResult) -> Any:
    """A pandas frame carries its footnote; any other kind has it above."""
    if not client.footnote:
        return value
    if wish.to != "pandas":
        _publish(note)
        return value
    from bigpato_magic.notebook.frame import noted

    return noted(value, note, result.arrow)


def _publish(note: Note) -> None:
    from IPython.display import display

    data, metadata = note.bundle()
    display(data, raw=True, metadata=metadata)  # type: ignore[no-untyped-call]


def _console(client: BigPato) -> str | None:
    """Only the real BigQuery has a console: not the demo warehouse, not an emulator."""
    module = sys.modules.get("bigpato_magic.warehouse.bigquery")
    if module is None or os.environ.get("BIGQUERY_EMULATOR_HOST"):
        return None
    return client.warehouse.project if isinstance(client.warehouse, module.BigQueryWarehouse) else None
