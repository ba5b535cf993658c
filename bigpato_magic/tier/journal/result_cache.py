"""BigQuery's own result cache: would it have had the answer? Then a local answer saved waiting, and no money.

The same text, byte for byte, asked by the same person within about a day over tables that have not changed is free
there: https://cloud.google.com/bigquery/docs/cached-results. What is reckoned here is a world in which BigQuery answered
everything: a text that runs for the first time would have been billed, and would have filled the cache, wherever it ran.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from sqlite3 import Connection

from bigpato_magic.tier.journal.database import Database
from bigpato_magic.types import Parameter, TableFacts, TableId, TableVersion

LIFETIME = 24 * 3600.0
"""Seconds that BigQuery keeps an answer, about; one that is given from the cache does not begin them anew."""

LARGEST = 10 << 30
"""Bytes of the largest answer that it keeps."""

MOST_ANSWERS = 20_000
"""Answers that are remembered, for all principals together (about 3 MB)."""


@dataclass(frozen=True, slots=True)
class CacheKey:
    """A query as the cache sees it.

    Args:
        text: digest of what must be equal to the byte.
        tables: digest of the tables and their versions.
        reuse: the cache may answer (not `--no_query_cache`).
    """

    text: str
    tables: str
    reuse: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cache holds of one text: the newest answer.

    Args:
        tables: digest of the tables and their versions that it is of.
        at: when it was computed, seconds since the epoch.
    """

    tables: str
    at: float

    def serves(self, key: CacheKey, at: float) -> bool:
        """Whether BigQuery would give it again at this instant, for nothing."""
        return key.reuse and self.tables == key.tables and at - self.at < LIFETIME


def text_digest(sql: str, parameters: Sequence[Parameter], *place: str | None) -> str:
    """What must be equal to the byte, as a digest: whoever reads the journal does not read queries.

    Args:
        sql: the text, with its blanks and comments.
        parameters: with types and values.
        place: the project that pays and the default dataset; the cache is kept for each project.
    """
    return _digest([sql, *map(repr, place), *(repr((p.name, p.type, p.value)) for p in parameters)])


def tables_digest(versions: Mapping[TableId, TableVersion]) -> str:
    """Equal digests: the same tables, and none of them has changed."""
    return _digest(f"{table} {astuple(versions[table])!r}" for table in sorted(versions))


def kept(tables: Iterable[TableFacts], size: int) -> bool:
    """Whether BigQuery keeps answers of so many bytes over these tables; without tables there is nothing to save.

    Column-level security "might" keep it from that, so it counts as if it did not: what is said to be saved is then
    too little.
    """
    facts = tuple(tables)
    free = (not (f.streaming or f.row_policies or f.version.kind == "EXTERNAL") for f in facts)
    return bool(facts) and all(free) and size <= LARGEST


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(f"{len(part)}:".encode())
        digest.update(part.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


_SCHEMA = """
    CREATE TABLE IF NOT EXISTS cached_answers (
        principal TEXT, text TEXT, tables TEXT, at REAL, PRIMARY KEY (principal, text)) WITHOUT ROWID
"""


class ResultCache:
    """What BigQuery's cache would hold of one principal, shared by all kernels of the tier. Digests only, no texts.

    Args:
        database: of the tier.
        principal: whose.
        most: answers that are remembered.
    """

    def __init__(self, database: Database, principal: str = "", *, most: int = MOST_ANSWERS) -> None:
        self.principal = principal
        self._database = database
        self._most = most
        database.ensure(_SCHEMA)

    def had(self, key: CacheKey, at: datetime) -> bool:
        """Whether it would have had the answer.

        Raises:
            TierError: the journal cannot be read.
        """
        with self._database.reading() as db:
            row = db.execute(
                "SELECT tables, at FROM cached_answers WHERE principal = ? AND text = ?", (self.principal, key.text)
            ).fetchone()
        return row is not None and Answer(*row).serves(key, at.timestamp())

    def fill(self, key: CacheKey, at: datetime) -> None:
        """An answer was computed, or would have been: it takes the place of an older one, soon."""
        row = (self.principal, key.text, key.tables, at.timestamp())

        def change(db: Connection) -> None:
            db.execute("INSERT OR REPLACE INTO cached_answers VALUES (?, ?, ?, ?)", row)
            self._forget(db, at.timestamp())

        self._database.later(change, "this answer is not in the account of BigQuery's result cache")

    def _forget(self, db: Connection, now: float) -> None:
        """What is too old, and the oldest of too many, a tenth at once."""
        (count,) = db.execute("SELECT count(*) FROM cached_answers").fetchone()
        if count <= self._most:
            return
        db.execute("DELETE FROM cached_answers WHERE at <= ?", (now - LIFETIME,))
        db.execute(
            "DELETE FROM cached_answers WHERE (principal, text) IN (SELECT principal, text FROM cached_answers "
            "ORDER BY at DESC LIMIT -1 OFFSET ?)",
            (self._most * 9 // 10,),
        )
