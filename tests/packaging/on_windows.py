"""Run by `test_portable` in a process of its own: import all, bring a table, ask it, change it, take it away."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.doubles.windows import become_windows

home = Path(sys.argv[1])
system = become_windows()

import bigpato_magic  # noqa: E402

names = [module.name for module in pkgutil.walk_packages(bigpato_magic.__path__, "bigpato_magic.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
assert len(names) > 200

from bigpato_magic.client import BigPato  # noqa: E402
from bigpato_magic.demo import open_warehouse  # noqa: E402
from bigpato_magic.tier.files.locks import try_lock  # noqa: E402
from bigpato_magic.tier.files.store import Store  # noqa: E402
from bigpato_magic.types import RunLocal, RunOnBigQuery  # noqa: E402

warehouse = open_warehouse(home / "demo", datasets=("samples",))
table = warehouse.tables(dataset="samples")[0]
place = {"project": warehouse.project, "dataset": "samples", "directory": str(home / "tier")}
client = BigPato(warehouse=warehouse, min_free_disk=0, **place)
client.tier.keep.on = False  # of copies alone it is told below when their files come and go
sql = f"SELECT COUNT(*) AS n FROM `{table.table}`"
there = client.run(sql)
assert isinstance(there.decision, RunOnBigQuery), there.decision
client.promote(table.table)
here = client.run(sql)
assert isinstance(here.decision, RunLocal), here.decision
assert here.arrow.to_pylist() == there.arrow.to_pylist()

# Locks: of two, one; together, both; the file may go meanwhile, and then it is another's.
path = home / "some.lock"
lock = try_lock(path)
assert lock is not None
assert try_lock(path) is None
lock.release()
first, second = try_lock(path, shared=True), try_lock(path, shared=True)
assert first is not None
assert second is not None
assert try_lock(path) is None
assert system.remove(path)
assert not path.exists()
assert try_lock(path) is not None
assert system.runs(os.getpid())
assert not system.runs(2**22 + 1)

# What is open is not replaced, and nothing is lost by trying.
old, new = home / "old", home / "new"
old.write_text("old")
new.write_text("new")
with old.open("rb"):
    try:
        system.replace(new, old, patience=0.05)
    except PermissionError:
        assert (old.read_text(), new.read_text()) == ("old", "new")
    else:
        raise AssertionError("an open file was replaced")
    assert not system.remove(old, patience=0)
system.replace(new, old)
assert old.read_text() == "new"

# A copy that DuckDB has open does not go; one whose file somebody else has open goes, and its file later.
opened = client.tier.open()
(copy,) = opened.catalog.all()
assert not Store(opened.store.directory, opened.store.principal).remove(copy.id)
assert isinstance(client.run(sql).decision, RunLocal)
part = copy.parts[0].path
with part.open("rb"):
    client.demote(table.table)
    assert opened.catalog.all() == ()
    assert part.exists()
    assert not opened.store.clean()
assert opened.store.clean().parts == 1
assert not part.exists()
assert isinstance(client.run(sql).decision, RunOnBigQuery)

# A changed table's copy is replaced.
client.promote(table.table)
client.promote(table.table)
assert isinstance(client.run(sql).decision, RunLocal)
client.close()
print("all of it")
