"""The demo's data are made once, whole, by whichever process comes first; then any number of processes share them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bigpato_magic import demo
from bigpato_magic.demo import data
from bigpato_magic.errors import ConfigurationError, WarehouseError
from bigpato_magic.types import TableId

SAMPLES = ("samples",)


def samples(directory):
    return demo.open_warehouse(directory, datasets=SAMPLES, dataset="samples", threads=1)


def test_the_same_directory_started_again_has_the_same_data(tmp_path):
    first = samples(tmp_path)
    first.execute("DELETE FROM events WHERE event_id > 10")
    versions = first.facts(first.tables())
    first.close()
    again = samples(tmp_path)
    assert {t: f.version for t, f in again.facts(again.tables()).items()} == {t: f.version for t, f in versions.items()}
    assert again.execute("SELECT COUNT(*) AS n FROM events").to_pylist() == [{"n": 10}]


def test_without_the_default_dataset_all_tables_are_listed(tmp_path):
    """A demo of samples alone has no `tpcds`, which names without a dataset would mean."""
    warehouse = demo.open_warehouse(tmp_path, datasets=SAMPLES, threads=1)
    assert {table.dataset for table in warehouse.tables()} == {"samples"}
    assert warehouse.tables() == warehouse.tables(dataset="samples")
    with pytest.raises(WarehouseError, match=r"Dataset .*:tpcds"):
        warehouse.tables(dataset="tpcds")


def test_only_its_owner_may_look(tmp_path):
    home = tmp_path / "home"
    warehouse = samples(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE(warehouse.directory.stat().st_mode) == 0o700
    files = list((warehouse.directory / "data").iterdir())
    assert files
    assert all(stat.S_IMODE(f.stat().st_mode) == 0o600 for f in files)


def test_half_made_data_are_made_again(tmp_path, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setitem(data._GENERATORS, "samples", stop)
        with pytest.raises(KeyboardInterrupt):
            samples(tmp_path)
    assert not list(tmp_path.glob("warehouse*"))
    (tmp_path / f"warehouse.{'0a' * 16}.part").mkdir()
    (tmp_path / "warehouse").mkdir()
    assert TableId(demo.PROJECT, "samples", "events") in samples(tmp_path).tables()
    assert [p.name for p in tmp_path.glob("warehouse*")] == ["warehouse"]


def test_without_the_generator_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(data.shutil, "which", lambda *args, **kwargs: None)
    with pytest.raises(ConfigurationError, match="tpcgen-cli") as caught:
        demo.open_warehouse(tmp_path, datasets=("tpch",))
    assert "bigpato-magic[demo]" in caught.value.hint
    assert not list(tmp_path.glob("warehouse*"))


def test_another_scale_needs_another_directory(tmp_path):
    demo.open_warehouse(tmp_path, datasets=SAMPLES, scale=0.1)
    with pytest.raises(ConfigurationError, match=r"scale 0\.1"):
        demo.open_warehouse(tmp_path, datasets=SAMPLES, scale=1)


def test_the_directory_can_be_chosen_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("BIGPATO_DEMO_DIR", str(tmp_path / "here"))
    assert demo.default_directory() == tmp_path / "here"
    monkeypatch.delenv("BIGPATO_DEMO_DIR")
    assert demo.default_directory().name == "demo"


_WRITER = """
import sys
from bigpato_magic import demo
w = demo.open_warehouse(sys.argv[1], datasets=("samples",), dataset="samples", threads=1)
for n in range(5):
    w.execute(f"INSERT INTO buckets (id, name) VALUES ({n}, '{sys.argv[2]}')")
    w.execute("UPDATE arrivals SET note = CONCAT(note, 'x') WHERE id = 1")
"""


def test_processes_share_one_warehouse_and_lose_nothing(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    running = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), name], env=environment) for name in "abc"
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    warehouse = samples(tmp_path)
    counts = warehouse.execute(
        "SELECT name, COUNT(*) AS n FROM buckets WHERE LENGTH(name) = 1 GROUP BY name ORDER BY name"
    )
    assert counts.to_pylist() == [{"name": n, "n": 5} for n in "abc"]
    note = warehouse.execute("SELECT note FROM arrivals WHERE id = 1").to_pylist()[0]["note"]
    assert note == "first" + "x" * 15


@pytest.mark.slow
def test_tpc_has_bigquerys_types(tmp_path):
    warehouse = demo.open_warehouse(tmp_path, datasets=("tpch",), scale=0.01, threads=1)
    id_ = TableId(demo.PROJECT, "tpch", "lineitem")
    columns = warehouse.facts([id_])[id_].columns
    assert {str(c.type) for c in columns} == {"INT64", "NUMERIC", "STRING", "DATE"}
    assert len(warehouse.tables(dataset="tpch")) == 8


def test_without_the_demos_packages_one_sentence_says_what_to_install(tmp_path):
    script = (
        "import sys; sys.modules['sqlglot'] = None\n"
        "from importlib import util; util.find_spec, found = (lambda n: None if n == 'sqlglot' else found(n)), util.find_spec\n"
        "from bigpato_magic import BigPato, demo\n"
        f"demo.start({str(tmp_path)!r}, datasets=('samples',))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(
        "The demo warehouse needs sqlglot, which is not installed (pip install 'bigpato-magic[demo]')"
    )
