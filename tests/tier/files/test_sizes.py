"""How much of the disk is used, while other kernels write and remove."""

from __future__ import annotations

import os
import shutil

import pytest

from bigpato_magic.tier.files.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "tier", "pato@example.com")


def test_published_parts_and_drafts_of_duckdb_count_and_nothing_else(store):
    (store.parts / "a.duckdb").write_bytes(bytes(10))
    with store.staging() as draft:
        (draft / "b.duckdb").write_bytes(bytes(200))
        (draft / "b.duckdb.wal").write_bytes(bytes(3000))
        (draft / "download.parquet").write_bytes(bytes(40_000))
        assert store.used_bytes() == 3210
    assert store.used_bytes() == 10


@pytest.mark.parametrize("gone", ["the draft", "its file"])
def test_a_draft_that_another_kernel_removes_meanwhile_counts_nothing(store, monkeypatch, gone):
    (store.parts / "a.duckdb").write_bytes(bytes(10))
    scandir = os.scandir

    def vanishing(path="."):
        if str(path) == str(draft):
            if gone == "its file":
                entries = list(scandir(path))
                shutil.rmtree(draft)
                return _Entries(entries)
            shutil.rmtree(draft, ignore_errors=True)
        return scandir(path)

    with store.staging() as draft:
        (draft / "b.duckdb").write_bytes(bytes(200))
        monkeypatch.setattr(os, "scandir", vanishing)
        assert store.used_bytes() == 10
        monkeypatch.undo()


class _Entries(list):
    """As `os.scandir` gives them."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
