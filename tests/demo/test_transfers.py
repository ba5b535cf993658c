"""Both ways to bring a demo table here give exactly its rows, or an error, and leave nothing behind."""

from __future__ import annotations

import threading
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bigpato_magic.demo import transfers
from bigpato_magic.demo.samples import make_samples
from bigpato_magic.errors import Cancelled, PermissionDenied, TransferError
from bigpato_magic.frames import arrow_schema
from bigpato_magic.status import Cancel
from bigpato_magic.types import OutputColumn, TableFacts, TransferRequest

from .conftest import facts_of, table


def fetched(warehouse, method, request, scratch, *, cancel=None, events=None):
    heard = events if events is not None else []
    way = warehouse.transfers()[method]
    with way.fetch(request, scratch=scratch, progress=heard.append, cancel=cancel or Cancel()) as got:
        assert (got.files is None) != (got.batches is None)
        if got.files is not None:
            rows = pa.concat_tables([pq.read_table(f) for f in got.files])
        else:
            batches = list(got.batches)
            rows = pa.Table.from_batches(batches) if batches else pa.table({})
        assert got.rows == rows.num_rows
        return rows


@pytest.mark.parametrize("method", ["read", "extract"])
def test_all_rows_come(warehouse, tmp_path, method):
    events = []
    facts = facts_of(warehouse, "orders")
    rows = fetched(warehouse, method, TransferRequest(facts, facts.columns), tmp_path, events=events)
    assert rows.sort_by("id").to_pylist() == warehouse.execute("SELECT * FROM orders ORDER BY id").to_pylist()
    assert {e.stage for e in events} == {"read": {"read"}, "extract": {"extract", "download"}}[method]
    assert all(e.table == table("orders") for e in events)


def test_read_has_bigquerys_arrow_types(warehouse, tmp_path):
    make_samples(warehouse)
    id_ = table("all_types", "samples")
    facts = warehouse.facts([id_])[id_]
    assert isinstance(facts, TableFacts)
    rows = fetched(warehouse, "read", TransferRequest(facts, facts.columns), tmp_path)
    wanted = arrow_schema(OutputColumn(c.name, c.type) for c in facts.columns)
    assert rows.schema.equals(wanted, check_metadata=True)
    assert rows.equals(warehouse.execute("SELECT * FROM samples.all_types"))


def test_read_brings_only_what_was_asked_for(warehouse, tmp_path):
    facts = facts_of(warehouse, "visits")
    request = TransferRequest(facts, (facts.columns[1],), partitions=frozenset({"20240102"}))
    rows = fetched(warehouse, "read", request, tmp_path)
    assert (rows.column_names, rows.num_rows) == (["page"], 24)


def test_read_is_of_one_instant_and_extract_of_now(warehouse, tmp_path):
    facts, before = facts_of(warehouse, "orders"), warehouse.now()
    warehouse.execute("DELETE FROM orders WHERE id = 1")
    request = TransferRequest(facts, facts.columns, snapshot=before)
    assert fetched(warehouse, "read", request, tmp_path).num_rows == 3
    with pytest.raises(TransferError, match="earlier instant"):
        fetched(warehouse, "extract", request, tmp_path)
    assert fetched(warehouse, "extract", replace(request, snapshot=None), tmp_path).num_rows == 2


def test_a_read_under_way_is_not_disturbed_by_changes(warehouse, tmp_path):
    facts = facts_of(warehouse, "visits")
    way = warehouse.transfers()["read"]
    with way.fetch(
        TransferRequest(facts, facts.columns), scratch=tmp_path, progress=lambda e: None, cancel=Cancel()
    ) as got:
        warehouse.execute("TRUNCATE TABLE visits")
        assert sum(b.num_rows for b in got.batches) == 72


def test_the_streaming_buffer_is_read_but_not_extracted(warehouse, tmp_path):
    warehouse.stream_rows("orders", [{"id": 50}])
    facts = facts_of(warehouse, "orders")
    request = TransferRequest(facts, facts.columns)
    assert fetched(warehouse, "read", request, tmp_path).num_rows == 4
    assert fetched(warehouse, "extract", request, tmp_path).num_rows == 3


def test_an_extract_has_several_shards_and_leaves_no_objects(warehouse, tmp_path, monkeypatch):
    monkeypatch.setattr(transfers, "SHARD_ROWS", 30)
    monkeypatch.setattr(transfers, "BATCH_ROWS", 16)
    facts = facts_of(warehouse, "visits")
    way = warehouse.transfers()["extract"]
    request = TransferRequest(facts, facts.columns)
    with way.fetch(request, scratch=tmp_path, progress=lambda e: None, cancel=Cancel()) as got:
        assert len(got.files) > 1
        assert sum(pq.read_metadata(f).num_rows for f in got.files) == 72
        assert any(warehouse.bucket.iterdir())
        # BigQuery's Parquet does not tell TIMESTAMP from DATETIME.
        assert pq.read_schema(got.files[0]).field("seen").type == pa.timestamp("us")
    assert not any(warehouse.bucket.iterdir())


@pytest.mark.parametrize("method", ["read", "extract"])
def test_an_empty_table_comes_as_no_rows(warehouse, tmp_path, method):
    warehouse.execute("TRUNCATE TABLE orders")
    facts = facts_of(warehouse, "orders")
    assert fetched(warehouse, method, TransferRequest(facts, facts.columns), tmp_path).num_rows == 0


@pytest.mark.parametrize("method", ["read", "extract"])
def test_what_cannot_be_transferred_is_an_error(warehouse, tmp_path, method):
    warehouse.execute("CREATE VIEW v AS SELECT id FROM orders")
    view, orders = facts_of(warehouse, "v"), facts_of(warehouse, "orders")
    with pytest.raises(TransferError, match="view"):
        fetched(warehouse, method, TransferRequest(view, view.columns), tmp_path)
    warehouse.tag_column("orders", "country")
    with pytest.raises(PermissionDenied, match="policy tag"):
        fetched(warehouse, method, TransferRequest(orders, orders.columns), tmp_path)
    warehouse.execute("DROP TABLE orders")
    with pytest.raises(TransferError, match="Not found"):
        fetched(warehouse, method, TransferRequest(orders, orders.columns), tmp_path)


def test_row_policies_stop_read_and_filter_extract(warehouse, tmp_path):
    warehouse.add_row_policy("orders", "country = 'CH'", [warehouse.principal])
    facts = facts_of(warehouse, "orders")
    request = TransferRequest(facts, facts.columns)
    with pytest.raises(PermissionDenied):
        fetched(warehouse, "read", request, tmp_path)
    assert fetched(warehouse, "extract", request, tmp_path).to_pylist()[0]["country"] == "CH"


FAILS = [
    ("read", "read:403", PermissionDenied),
    ("read", "read:cut-after-bytes", TransferError),
    ("extract", "extract:job-fails", TransferError),
    ("extract", "extract:no-bucket", TransferError),
    ("extract", "download:cut", TransferError),
]


@pytest.mark.parametrize(("method", "fault", "error"), FAILS)
def test_a_fault_fails_the_transfer_and_leaves_no_objects(warehouse, tmp_path, method, fault, error):
    facts = facts_of(warehouse, "orders")
    request = TransferRequest(facts, facts.columns)
    warehouse.faults.set(fault, times=1)
    with pytest.raises(error):
        fetched(warehouse, method, request, tmp_path)
    assert warehouse.faults.hits[fault] == 1
    assert not warehouse.bucket.exists() or not any(warehouse.bucket.iterdir())
    assert fetched(warehouse, method, request, tmp_path).num_rows == 3


def test_a_stream_is_cut_after_so_many_bytes(warehouse, tmp_path, monkeypatch):
    monkeypatch.setattr(transfers, "BATCH_ROWS", 16)
    facts = facts_of(warehouse, "visits")
    warehouse.faults.set("read:cut-after-bytes", after=300)
    way = warehouse.transfers()["read"]
    request, seen = TransferRequest(facts, facts.columns), []
    with way.fetch(request, scratch=tmp_path, progress=seen.append, cancel=Cancel()) as got:
        batches = got.batches
        with pytest.raises(TransferError, match="cut"):
            list(batches)
    assert 300 <= seen[-1].done < seen[-1].total


@pytest.mark.parametrize("method", ["read", "extract"])
def test_a_slow_transfer_stops_when_asked(warehouse, tmp_path, method):
    warehouse.pace.bandwidth = 1.0
    cancel = Cancel()
    facts = facts_of(warehouse, "orders")
    way = warehouse.transfers()[method]
    threading.Timer(0.2, cancel.set).start()
    with (
        pytest.raises(Cancelled),
        way.fetch(
            TransferRequest(facts, facts.columns), scratch=tmp_path, progress=lambda e: None, cancel=cancel
        ) as got,
    ):
        list(got.batches or ())
    assert not warehouse.bucket.exists() or not any(warehouse.bucket.iterdir())
