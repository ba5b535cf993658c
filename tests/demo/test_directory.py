"""A directory that a person names for the demo keeps what is theirs."""

from __future__ import annotations

import os

import pytest

from bigpato_magic.demo import DemoWarehouse
from bigpato_magic.demo.data import prepare
from bigpato_magic.errors import ConfigurationError


def test_files_beside_the_demos_stay_however_old(tmp_path):
    theirs = [tmp_path / "data" / name for name in ("orders.parquet", "x.csv")]
    theirs[0].parent.mkdir()
    for path in theirs:
        path.write_text("mine")
        os.utime(path, (0, 0))
    litter = tmp_path / "data" / f"{'0a' * 16}.parquet"
    litter.write_text("of a change that never ended")
    os.utime(litter, (0, 0))
    DemoWarehouse(tmp_path).close()
    assert [path.read_text() for path in theirs] == ["mine", "mine"]
    assert not litter.exists()


def test_a_directory_called_warehouse_is_not_taken_for_the_demos(tmp_path):
    theirs = tmp_path / "warehouse" / "stock.csv"
    kept = tmp_path / "warehouse.spare.part"
    theirs.parent.mkdir()
    kept.mkdir()
    theirs.write_text("mine")
    with pytest.raises(ConfigurationError, match="no demo warehouse"):
        prepare(tmp_path, (), None)
    assert theirs.read_text() == "mine"
    assert kept.is_dir()
