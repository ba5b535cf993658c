"""Only what changed comes again, by Google's own clients: REST and gRPC servers stand where Google's do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bigpato_magic.local.duck import LocalEngine
from bigpato_magic.tier.tier import Tier
from bigpato_magic.types import Freshness, RefreshKind, TableId
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.doubles import resources as r
from tests.doubles import rest, storage_read
from tests.doubles.rest import Answer, RestServer, error
from tests.doubles.storage_read import StorageRead

T = TableId("p", "d", "t")
BEGUN = 1_700_000_000_000_000
"""Microseconds: when partitions were first changed."""


@dataclass
class Google:
    """Both servers, and a tier over Google's clients. A table's state is set for both at once."""

    api: RestServer
    read: StorageRead
    tier: Tier
    version: int = 0
    partitioning: dict[str, Any] = field(default_factory=dict)

    def has(self, rows: pa.Table, *, count: int | None = None) -> None:
        """The table holds these rows now; a transfer that is restricted gets them as well."""
        self.version += 1
        self.read.table = rows
        total = rows.num_rows if count is None else count
        self.api.on(
            "GET",
            r.TABLE,
            r.table(
                etag=f"e{self.version}",
                numRows=str(total),
                numBytes=str(8 * total),
                lastModifiedTime=str(1_700_000_000_000 + self.version * 60_000),
                **self.partitioning,
            ),
        )

    def says(self, fields: dict[str, str], *rows: tuple[Any, ...]) -> None:
        """Queries are answered so."""
        self.api.on("POST", r.QUERIES, result(fields, *rows))

    def queries(self) -> list[rest.Request]:
        """That were sent."""
        return self.api.asked("POST", r.QUERIES)

    def held(self) -> list[Any]:
        """The column a of the copy, sorted."""
        copy = self.tier.copies([T])[T]
        with self.tier.queries.lease([copy]):
            return sorted(self.tier._engine.rows(copy).column("a").to_pylist())


def result(fields: dict[str, str], *rows: tuple[Any, ...]) -> rest.Json:
    """A finished query."""
    found: rest.Json = {**r.rows(), "schema": {"fields": [{"name": n, "type": t} for n, t in fields.items()]}}
    return {**found, "totalRows": str(len(rows)), "rows": [{"f": [{"v": v} for v in row]} for row in rows]}


def numbers(values: range) -> pa.Table:
    return pa.table({"a": pa.array(values, pa.int64())})


@pytest.fixture
def google(tmp_path: Path) -> Iterator[Google]:
    from google.auth.credentials import AnonymousCredentials

    with rest.serving() as api, storage_read.serving(StorageRead(numbers(range(10)))) as read:
        api.date = datetime(2024, 6, 1, tzinfo=UTC)
        api.on("GET", r.POLICIES, {})
        warehouse = BigQueryWarehouse(
            "p",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            endpoint=api.url,
            read_endpoint=read.address,
            emulated=False,
        )
        settings = {"directory": str(tmp_path / "tier"), "min_free_disk": "0 B", "list_partitions_above": "0 B"}
        tier = Tier(warehouse=lambda: warehouse, engine=LocalEngine(threads=1), append_only=["d.t"], **settings)
        found = Google(api, read, tier)
        found.has(numbers(range(10)))
        yield found
        tier.close()


def refreshed(google: Google, kind: RefreshKind) -> None:
    """What the plan says, and that it was done."""
    plan = google.tier.plan([T])
    assert [refresh.kind for refresh in plan.refresh] == [kind]
    assert google.tier.rebalance(plan).refused == ()


# ------------------------------------------------------------------------------------------- appended rows


def test_appended_rows_come_by_a_query_of_them_alone(google: Google) -> None:
    google.tier.promote([T])
    before, sessions = google.tier.copies()[T], len(google.read.sessions)
    google.has(numbers(range(12)))
    google.says({"a": "INTEGER"}, ("10",), ("11",))
    refreshed(google, RefreshKind.APPENDED)

    after = google.tier.copies()[T]
    assert google.held() == list(range(12))
    assert [part.rows for part in after.parts] == [10, 2]
    assert after.parts[0] == before.parts[0]
    assert len(google.read.sessions) == sessions
    assert google.tier.facts.check([after], 0)[T] == (Freshness.FRESH, None)

    sent = google.queries()[0].body
    assert sent["query"] == "SELECT `a` FROM APPENDS(TABLE `p.d.t`, @since, NULL)"
    (since,) = sent["queryParameters"]
    assert since["parameterType"]["type"] == "TIMESTAMP"
    asked = datetime.fromisoformat(since["parameterValue"]["value"].replace("Z", "+00:00"))
    assert asked.replace(tzinfo=asked.tzinfo or UTC) == before.as_of + timedelta(microseconds=1)
    assert sent["useQueryCache"] is False
    assert sent["location"] == "EU"


@pytest.mark.parametrize(
    "answer",
    [
        result({"a": "INTEGER"}, ("10",), ("11",), ("12",)),
        result({"a": "INTEGER"}, ("10",)),
        result({"a": "INTEGER"}),
        error(400, "invalidQuery", "APPENDS: the start time is outside of the time travel window"),
    ],
    ids=["too many", "too few", "none", "refused"],
)
def test_where_the_appended_rows_do_not_add_up_all_of_it_comes(google: Google, answer: Answer | rest.Json) -> None:
    google.tier.promote([T])
    google.has(numbers(range(1, 13)))
    google.api.on("POST", r.QUERIES, answer)
    refreshed(google, RefreshKind.APPENDED)

    assert len(google.queries()) == 1
    assert google.held() == list(range(1, 13))
    assert len(google.tier.copies()[T].parts) == 1


def test_a_table_that_changes_while_its_appended_rows_come_is_brought_whole(google: Google) -> None:
    google.tier.promote([T])
    google.has(numbers(range(12)))
    plan = google.tier.plan([T])

    def meanwhile(_: rest.Request) -> rest.Json:
        google.has(numbers(range(13)))
        return result({"a": "INTEGER"}, ("10",), ("11",))

    google.api.on("POST", r.QUERIES, meanwhile)
    done = google.tier.rebalance(plan)
    # Read at once at its newest state, of which it is known what it is; or refused. Never the twelve rows as thirteen.
    found = google.tier.copies().get(T)
    if done.refused:
        assert found is None or google.tier.facts.check([found], 0)[T][0] is not Freshness.FRESH
    else:
        assert google.held() == list(range(13))


# --------------------------------------------------------------------------------------- ingestion time

FIELDS = {
    "partition_id": "STRING",
    "total_rows": "INTEGER",
    "total_logical_bytes": "INTEGER",
    "last_modified_time": "TIMESTAMP",
}


def ingested(days: dict[str, range]) -> pa.Table:
    """Rows with the pseudo-column that tells their day."""
    stamps = [datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) for day, values in days.items() for _ in values]
    values = [value for several in days.values() for value in several]
    return pa.table(
        {"a": pa.array(values, pa.int64()), "_PARTITIONTIME": pa.array(stamps, pa.timestamp("us", tz="UTC"))}
    )


def listing(days: dict[str, range], changed: dict[str, int]) -> rest.Json:
    """INFORMATION_SCHEMA.PARTITIONS; `changed` tells minutes after the beginning."""
    rows = [(d, str(len(v)), str(8 * len(v)), str(BEGUN + 60_000_000 * changed.get(d, 0))) for d, v in days.items()]
    return result(FIELDS, *rows)


def test_of_an_ingestion_time_table_only_the_changed_day_comes_again(google: Google) -> None:
    google.tier.append_only = []
    google.partitioning = {"timePartitioning": {"type": "DAY"}}
    first = {"20240101": range(5), "20240102": range(5, 10)}
    google.has(ingested(first))
    google.api.on("POST", r.QUERIES, listing(first, {}))
    google.tier.promote([T])
    before = google.tier.copies()[T]
    assert list(google.read.sessions[0].read_session.read_options.selected_fields) == ["a", "_PARTITIONTIME"]

    second = {"20240101": range(5), "20240102": range(5, 12), "20240103": range(20, 22)}
    came = {day: second[day] for day in ("20240102", "20240103")}
    google.has(ingested(came), count=14)
    google.api.on("POST", r.QUERIES, listing(second, {"20240102": 1, "20240103": 1}))
    refreshed(google, RefreshKind.PARTITIONS)

    restriction = google.read.sessions[-1].read_session.read_options.row_restriction
    assert restriction == (
        "(_PARTITIONTIME >= TIMESTAMP '2024-01-02 00:00:00+00' AND _PARTITIONTIME < TIMESTAMP '2024-01-04 00:00:00+00')"
    )
    after = google.tier.copies()[T]
    assert google.held() == [*range(12), 20, 21]
    assert after.holding.columns == {"a", "_partitiontime", "_partitiondate"}
    assert before.rows == 10
    with google.tier.queries.lease([after]):
        rows = google.tier._engine.rows(after).to_pylist()
    assert {(row["a"], row["_PARTITIONTIME"].date()) for row in rows if row["a"] >= 10} == {
        (10, date(2024, 1, 2)),
        (11, date(2024, 1, 2)),
        (20, date(2024, 1, 3)),
        (21, date(2024, 1, 3)),
    }


def test_a_day_that_does_not_have_the_rows_of_its_listing_brings_all(google: Google) -> None:
    google.tier.append_only = []
    google.partitioning = {"timePartitioning": {"type": "DAY"}}
    first = {"20240101": range(5), "20240102": range(5, 10), "20240103": range(10, 20)}
    google.has(ingested(first))
    google.api.on("POST", r.QUERIES, listing(first, {}))
    google.tier.promote([T])

    second = first | {"20240102": range(5, 8)}
    google.has(ingested(second))  # what is restricted to one day gets all three: eighteen rows where three are listed
    google.api.on("POST", r.QUERIES, listing(second, {"20240102": 1}))
    refreshed(google, RefreshKind.PARTITIONS)
    assert google.read.sessions[-2].read_session.read_options.row_restriction
    assert not google.read.sessions[-1].read_session.read_options.row_restriction
    assert google.held() == [*range(8), *range(10, 20)]
