"""What a person names is theirs: a tier lives in a directory of its own making, and touches nothing beside it."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from bigpato_magic.client import BigPato
from bigpato_magic.errors import TierError
from bigpato_magic.tier.files import place
from tests.tier.conftest import ITEMS, ORDERS, make_tier

THEIRS = (
    "principals/boss.txt",
    "principals/abc/manifests/list.json",
    "spill/2023/oil.csv",
    "spill/1/x.csv",
    "cases/court.json",
    "format.json",
    "tier.sqlite",
    "tier.sqlite-wal",
    ".format-old",
    "staging/x",
    "parts/orders.parquet",
    ".bigpato-magic",
)


@pytest.fixture
def mine(tmp_path):
    directory = tmp_path / "mine"
    for name in THEIRS:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"format": 0}')
    directory.chmod(0o755)
    return directory


def snapshot(directory: Path) -> dict[str, tuple[int, str]]:
    """Modes and contents of all that is not the tier's."""
    paths = [directory, *(p for p in directory.rglob("*") if place.NAME not in p.relative_to(directory).parts)]
    return {str(p): (p.stat().st_mode, p.read_text() if p.is_file() else "") for p in paths}


def test_a_directory_that_is_named_keeps_all_that_is_in_it(mine, warehouse):
    before = snapshot(mine)
    house = make_tier(warehouse, mine)
    assert house.tier.promote([ORDERS]).promote
    house.tier.keep_mismatch_report("{}")
    house.tier.clean()
    assert snapshot(mine) == before
    assert house.tier.purge() == []
    assert snapshot(mine) == before
    assert not house.tier.path.exists()


def test_a_folder_of_parquet_files_given_to_the_original_constructor_stays(tmp_path, warehouse):
    folder = tmp_path / "duck"
    folder.mkdir(mode=0o750)
    (folder / "orders.parquet").write_text("rows")
    before = snapshot(folder)
    client = BigPato(warehouse=warehouse, bq_project="demo", bq_database="shop", local_duck_folder=str(folder))
    client.tier.min_free_disk = 0
    assert client.tier.promote([ITEMS]).promote
    assert snapshot(folder) == before
    assert client.purge() == []
    client.close()
    assert snapshot(folder) == before


def test_what_has_our_name_and_is_not_ours_is_refused_and_left(tmp_path, warehouse):
    theirs = tmp_path / "src" / place.NAME / "README.md"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("a clone of the repository")
    house = make_tier(warehouse, tmp_path / "src")
    assert house.tier.copies() == {}
    with pytest.raises(TierError, match="is not a tier"):
        house.tier.promote([ITEMS])
    with pytest.raises(TierError, match="nothing was removed"):
        house.tier.purge()
    assert snapshot(tmp_path / "src").keys() == {str(tmp_path / "src")}
    assert theirs.read_text() == "a clone of the repository"


def test_an_empty_directory_of_the_persons_keeps_its_mode_and_stays(tmp_path, warehouse):
    empty = tmp_path / "d" / place.NAME
    empty.mkdir(parents=True)
    empty.chmod(0o755)
    house = make_tier(warehouse, tmp_path / "d")
    assert house.tier.promote([ITEMS]).promote
    assert stat.S_IMODE(empty.stat().st_mode) == 0o755
    assert all(p.stat().st_mode & 0o077 == 0 for p in empty.rglob("*"))
    assert house.tier.purge() == []
    assert list(empty.iterdir()) == []


def test_directories_that_were_made_for_it_go_with_it(tmp_path, warehouse):
    house = make_tier(warehouse, tmp_path / "a" / "b")
    house.tier.promote([ITEMS])
    assert house.tier.purge() == []
    assert not (tmp_path / "a").exists()


def test_a_tier_may_be_named_by_its_own_directory(tmp_path, warehouse):
    house = make_tier(warehouse, tmp_path / "d")
    house.tier.promote([ITEMS])
    assert make_tier(warehouse, house.tier.path).tier.copies().keys() == {ITEMS}


def test_the_users_own_tier_from_before_it_was_marked_is_kept(tmp_path, warehouse, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    first = make_tier(warehouse, "")
    if not first.tier.path.is_relative_to(tmp_path):
        pytest.skip("the user's data directory does not follow XDG_DATA_HOME here")
    first.tier.promote([ORDERS])
    first.tier.close()
    (first.tier.path / place.MARKER).unlink()
    second = make_tier(warehouse, "")
    assert second.tier.copies().keys() == {ORDERS}
    assert second.tier.purge() == []
    assert not second.tier.path.exists()


def test_a_tier_that_another_kernel_has_purged_is_made_anew(house, another):
    house.tier.promote([ORDERS])
    another().tier.purge()
    assert house.tier.copies() == {}
    assert house.tier.promote([ORDERS]).promote
    assert house.rows(ORDERS) == house.truth(ORDERS)
    assert another().tier.copies().keys() == {ORDERS}


@pytest.mark.parametrize("then", ["moved", "replaced"])
def test_a_directory_that_is_moved_or_replaced_while_open(then, house, tmp_path):
    house.tier.promote([ORDERS])
    moved = house.tier.path.rename(tmp_path / "elsewhere")
    if then == "replaced":
        shutil.copytree(moved, house.tier.path)
    assert house.tier.copies().keys() == (set() if then == "moved" else {ORDERS})
    assert house.tier.promote([ORDERS]).promote or then == "replaced"
    assert house.rows(ORDERS) == house.truth(ORDERS)
