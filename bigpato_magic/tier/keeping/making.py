"""An answer becomes a kept relation: proven to be of one state of its tables, written in its order, published.

When that happens, and on which thread, is `keeper`'s business; what makes room, `eviction`'s.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from bigpato_magic.errors import TransferError
from bigpato_magic.local.columns import storable
from bigpato_magic.local.duck import LocalEngine
from bigpato_magic.local.write import BLOCK, RowSource, Written
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files.catalog import Catalog
from bigpato_magic.tier.files.crashpoints import at
from bigpato_magic.tier.files.digests import Digests
from bigpato_magic.tier.files.drafts import finished
from bigpato_magic.tier.files.quota import Quota
from bigpato_magic.tier.files.store import Store
from bigpato_magic.tier.freshness import verdict
from bigpato_magic.tier.freshness.facts import FactsCache
from bigpato_magic.tier.journal.kept_uses import KeptUses
from bigpato_magic.tier.keeping.eviction import AnswerNotKept, Eviction
from bigpato_magic.types import (
    Basis,
    Column,
    Freshness,
    Holding,
    Kind,
    OutputColumn,
    QuerySource,
    SqlType,
    TableCopy,
    TableFacts,
    TableId,
    TableVersion,
    schema_digest,
)

KEPT = "kept-answers"
"""The invented dataset of kept relations. https://cloud.google.com/bigquery/docs/datasets#dataset-naming"""

_SMALL_BLOCK = 16_384
_SMALL = 2 << 20
"""Bytes of an answer up to which its file has small blocks: of usual ones it would take half a megabyte for one row."""

_BATCH = 65_536


@dataclass(frozen=True, slots=True)
class AnswerToKeep:
    """What BigQuery answered, as it may be kept.

    Args:
        source: the query; its bases are the tables as they were *before* the job.
        outputs: the types of its columns, in the order of `source.columns`.
        rows: a `pyarrow.Table`, whole, with the columns in that order, whatever their names.
    """

    source: QuerySource
    outputs: tuple[OutputColumn, ...]
    rows: Any

    @property
    def columns(self) -> tuple[Column, ...]:
        """As they are stored: by canonical name, each once."""
        columns: dict[str, Column] = {}
        for name, output in zip(self.source.columns, self.outputs, strict=True):
            columns.setdefault(name, Column(name, output.type))
        return tuple(columns.values())

    def batches(self) -> Iterator[Any]:
        """Its rows, in their order, with the columns by canonical name."""
        names = self.source.columns
        places = [names.index(column.name) for column in self.columns]
        renamed = self.rows.select(places).rename_columns([names[place] for place in places])
        yield from renamed.to_batches(max_chunksize=_BATCH)


def why_not(answer: AnswerToKeep, largest: float) -> str | None:
    """Why an answer is not kept, by what can be told without asking anybody; None where it may be.

    Args:
        answer: of a query.
        largest: bytes that it may have in Arrow.
    """
    if len(answer.source.columns) != len(answer.outputs) or answer.rows.num_columns != len(answer.outputs):
        return "its columns are not those of the query"
    if answer.rows.nbytes > largest:
        return "it is larger than Keep.largest"
    if not answer.outputs or not answer.source.bases:
        return "it rests on no table"
    if not all(storable(column) and _named_well(column.type) for column in answer.columns):
        return "DuckDB does not hold all of its columns exactly"
    if len({column.name.lower() for column in answer.columns}) < len(answer.columns):
        return "names of its columns differ in case only"
    return next((why for basis in answer.source.bases if (why := _unfit(basis)) is not None), None)


def _named_well(type_: SqlType) -> bool:
    """Whether DuckDB can tell all fields of a STRUCT apart by their names."""
    for one in type_.walk():
        names = [field.name.lower() for field in one.fields]
        if one.kind is Kind.STRUCT and (not all(names) or any(a == b for a, b in pairwise(sorted(names)))):
            return False
    return True


def _unfit(basis: Basis) -> str | None:
    """What keeps an answer from resting on a table as it was: the verdict on that state by its own facts."""
    freshness, reason = verdict.of_now(basis)
    return None if freshness is Freshness.FRESH else str(reason)


@dataclass(frozen=True, slots=True)
class RelationMaker:
    """Makes kept relations.

    Args:
        store: where they are published.
        catalog: of what is there.
        digests: hears of new files.
        facts: asks BigQuery whether the tables are still as they were.
        uses: hears of each that is kept.
        engine: writes files.
        eviction: makes room among kept relations.
        now: the server's time.
    """

    store: Store
    catalog: Catalog
    digests: Digests
    facts: FactsCache
    uses: KeptUses
    engine: LocalEngine
    eviction: Eviction
    now: Callable[[], datetime]

    def make(self, answer: AnswerToKeep, largest: float, cancel: Cancel) -> TableCopy | None:
        """Keep an answer, in place of an older one of the same meaning; None where one as good is there.

        Raises:
            AnswerNotKept: a table has changed meanwhile, or the answer may not be kept.
            BigPatoError: it could not be kept.
            Cancelled: it was stopped; nothing of it is left.
        """
        at("keep:begin")
        if (obstacle := why_not(answer, largest)) is not None:
            raise AnswerNotKept(obstacle)
        copy = kept_relation(answer, self.store.principal)
        self._prove(copy)
        cancel.check()
        at("keep:proven")
        with self.store.table_lock(copy.table, cancel):
            at("keep:locked")
            if self._is_there(copy):
                return None
            published = self._publish(answer, copy, cancel)
            at("keep:published")
            self.uses.begun(copy.table.table, self.now())
            self._replace_older(published)
        at("keep:done")
        return published

    def there(self, answer: AnswerToKeep) -> TableCopy:
        """The newest kept relation that has all that the answer has.

        Raises:
            AnswerNotKept: there is none.
        """
        wanted = kept_relation(answer, self.store.principal)
        there = [copy for copy in self.catalog.kept() if _covers(copy, wanted) and _as_new(copy, wanted)]
        if not there:
            raise AnswerNotKept("what was kept of it has gone again")
        return max(there, key=lambda copy: copy.as_of)

    def _prove(self, copy: TableCopy) -> None:
        """BigQuery is asked again, now that the job has ended: what was before and is after, was meanwhile."""
        freshness, reason = self.facts.check([copy], 0, offline=False)[copy.table]
        if freshness is not Freshness.FRESH:
            raise AnswerNotKept(str(reason))

    def _is_there(self, copy: TableCopy) -> bool:
        """Whether an answer that is as new has all that this one has: another kernel's, or one of more columns."""
        return any(_covers(there, copy) and _as_new(there, copy) for there in self.catalog.kept())

    def _publish(self, answer: AnswerToKeep, copy: TableCopy, cancel: Cancel) -> TableCopy:
        quota = self.eviction.quota(copy)
        with self.store.staging() as staging:
            path = staging / f"{uuid.uuid4().hex}.duckdb"
            written = self._write(answer, copy, path, quota, cancel)
            at("keep:written")
            part = finished(path, written.rows, None, cancel)
            copy = replace(copy, parts=(part,), stats=written.stats)
            self.eviction.make(copy)
            at("keep:room-made")
            cancel.check()
            published = self.store.publish(copy, [path], lambda: self.eviction.check(copy, quota))
        self.digests.trust(published.parts)
        return published

    def _write(self, answer: AnswerToKeep, copy: TableCopy, path: Path, quota: Quota, cancel: Cancel) -> Written:
        block = _SMALL_BLOCK if answer.rows.nbytes <= _SMALL else BLOCK
        how: dict[str, Any] = {"in_order": True, "block": block, "cancel": cancel, "watch": quota.watch}
        written = self.engine.write_copy(path, copy.columns, RowSource(batches=answer.batches()), **how)
        if written.rows != answer.rows.num_rows:
            raise TransferError(f"{written.rows:,} rows were written where there are {answer.rows.num_rows:,}")
        return written

    def _replace_older(self, copy: TableCopy) -> None:
        """What is older and has nothing that this one has not; one of the same meaning with other columns may still answer."""
        for older in self.catalog.all():
            if older.id != copy.id and _covers(copy, older) and _as_new(copy, older):
                self.eviction.take_away(older)
        at("keep:old-gone")


def _covers(one: TableCopy, other: TableCopy) -> bool:
    return one.source is not None and other.source is not None and one.source.covers(other.source)


def _as_new(one: TableCopy, other: TableCopy) -> bool:
    """Whether an answer rests on the states of the tables that another rests on, or on later ones.

    An answer may come late: what it rests on was seen before the states that another one, already kept, rests on.
    """
    states = {basis.table: basis for basis in other.bases}
    pairs = [(basis, states[basis.table]) for basis in one.bases if basis.table in states]
    changed = [(mine, its) for mine, its in pairs if verdict.difference(mine.version, its.version) is not None]
    return all(mine.as_of > its.as_of for mine, its in changed) if changed else one.as_of >= other.as_of


def kept_table(source: QuerySource, project: str) -> TableId:
    """The invented table that a kept relation lies over, of a dataset whose name BigQuery's cannot have (a hyphen).

    Its name tells the meaning, the columns and the order, so that a newer answer to the same is found by it.
    """
    key = "\n".join([source.digest, source.order or "", *sorted(set(source.columns))])
    return TableId(project, KEPT, f"kept_{hashlib.sha256(key.encode()).hexdigest()[:16]}")


def kept_relation(answer: AnswerToKeep, principal: str) -> TableCopy:
    """The kept relation that an answer becomes, before it has files."""
    bases, columns, id_ = answer.source.bases, answer.columns, uuid.uuid4().hex[:16]
    as_of, size = min(basis.as_of for basis in bases), answer.rows.nbytes
    table = kept_table(answer.source, bases[0].table.project)
    version = TableVersion(id_, as_of, as_of, answer.rows.num_rows, size, schema_digest(columns))
    return TableCopy(
        id=id_,
        table=table,
        version=version,
        columns=columns,
        holding=Holding(frozenset(column.name.lower() for column in columns)),
        parts=(),
        as_of=as_of,
        principal=principal,
        location=bases[0].location,
        facts=TableFacts(table, version, columns, as_of, location=bases[0].location),
        source=replace(answer.source, columns=tuple(column.name for column in columns)),
    )
