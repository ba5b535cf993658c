"""What runs in the processes that are killed, and in the fresh ones that look at what they left."""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from pathlib import Path

BUDGET = 64 << 20
TIGHT = "tight"
"""A file with the bytes that copies may take here."""


def _tools():
    path = Path(__file__).parents[1] / "tier" / "conftest.py"
    if "tier_tools" not in sys.modules:
        spec = importlib.util.spec_from_file_location("tier_tools", path)
        sys.modules["tier_tools"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["tier_tools"]


def house(home: Path, where: str = "tier", **more):
    from bigpato_magic.demo import DemoWarehouse

    warehouse = DemoWarehouse(home / "warehouse", project="demo", dataset="shop", threads=1, memory_limit="500MB")
    settings = {"budget": BUDGET} | more
    return _tools().make_tier(warehouse, home / where, **settings)


def budget(home: Path) -> int:
    """Bytes that copies may take in this home."""
    tight = home / TIGHT
    return int(tight.read_text()) if tight.exists() else BUDGET


def beyond_budget(home: Path):
    """How far the files of the tier go beyond the budget as they lie there, before anybody cleans up.

    What is published never does. A draft is looked at ten times a second while it grows, so it may, by a moment.
    """
    allowed = budget(home) + LITTER
    for name, more in (("*/parts/*", 0), ("*/*/**/*.duckdb*", MOMENT)):
        found = sum(path.stat().st_size for path in (home / "tier" / "bigpato-magic" / "principals").glob(name))
        if found > allowed + more:
            yield f"{name}: {found:,} bytes where {allowed + more:,} were allowed"


def prepare(home: Path) -> None:
    """Tables with copies of their first version, changed since, and what crashed processes left behind."""
    t = _tools()
    warehouse = t.make_warehouse(home / "warehouse")
    h = house(home)
    h.tier.promote([t.ORDERS, t.DAYS])
    h.tier.write_views(home / "views.duckdb")
    keep(h, ANSWERS[0])
    warehouse.execute("INSERT INTO shop.orders VALUES (5000, 'new', 1)")
    warehouse.execute("INSERT INTO shop.days VALUES (DATE '2024-01-03', 5000)")
    # What the work takes when it takes most: a table in parts beside its older version, and the other table.
    (home / TIGHT).write_text(str(int(2.75 * h.tier.used_bytes())))
    h.tier.close()
    litter(home)


KEPT = "a" * 32
"""What the kept answer means that is replaced by a newer one."""
ANSWERS = ([3, 1, 2], [5, 4, 6])
"""The older, and the newer."""


def keep(h, numbers, digest: str = KEPT) -> bool:
    """Keep a made-up answer about a table that does not change; whether nothing is left to do."""
    import pyarrow as pa

    from bigpato_magic.types import Basis, Kind, OutputColumn, QuerySource, SqlType

    items = _tools().ITEMS
    facts = h.tier.facts.fetch([items])[items]
    bases = (Basis(facts, frozenset({"id"}), facts.checked_at),)
    source = QuerySource(digest, ("n",), None, bases, "SELECT …", 1 << 30, 1.0)
    h.tier.queries.keep(source, (OutputColumn("n", SqlType(Kind.INT64)),), pa.table({"n": pa.array(numbers)}))
    return h.tier.open().keeper.settle(60)


def keeping(home: Path, stop_at: str | None) -> None:
    """An answer is replaced by a newer one, another is kept, and forgotten."""
    if stop_at:
        os.environ["BIGPATO_STOP_AT"] = stop_at
    h = house(home, budget=budget(home))
    _keep_all(h)
    h.tier.close()


def _keep_all(h) -> None:
    keep(h, ANSWERS[1])
    keep(h, [7], "b" * 32)
    h.tier.queries.forget([c for c in h.tier.open().catalog.kept() if c.source.digest != KEPT])


LITTER = len(b"half") + len(b"nobody's")
"""Bytes of the litter."""

MOMENT = 1 << 20
"""Bytes that a draft of these small tables grows by in a moment: it is about half as large in all."""


def litter(home: Path) -> None:
    (root,) = (home / "tier" / "bigpato-magic" / "principals").iterdir()
    draft = root / "staging" / "dead"
    draft.mkdir()
    (draft / "half.duckdb").write_bytes(b"half")
    (root / "staging" / "dead.lock").touch()
    (root / "parts" / "orphan.duckdb").write_bytes(b"nobody's")
    (root / "manifests" / "torn.json").write_text('{"copy": {')


def everything(home: Path) -> None:
    """Each thing that a tier does to its files: clean, refresh, promote, demote, views, purge of another tier."""
    t = _tools()
    h = house(home, budget=budget(home))
    h.tier.rebalance([t.ORDERS, t.DAYS, t.ITEMS])
    h.tier.demote([t.ITEMS])
    _keep_all(h)
    h.tier.write_views(home / "views.duckdb")
    h.tier.close()
    other = house(home, "other")
    other.tier.promote([t.ITEMS])
    other.tier.purge()


def run(home: Path, stop_at: str | None) -> None:
    if stop_at:
        os.environ["BIGPATO_STOP_AT"] = stop_at
    everything(home)


def look(home: Path) -> list[str]:
    """Everything that is wrong with what a killed process left; in a fresh process, after its clean-up."""
    t = _tools()
    wrong = list(beyond_budget(home))
    h = house(home)
    wrong += [*_copies(h, t), *_kept(h), *_files(h), *_views(home)]
    if h.tier.used_bytes() > budget(home):
        wrong.append("the budget is exceeded")
    done = h.tier.rebalance([t.ORDERS, t.DAYS])
    wrong += [f"not brought afterwards: {r.reason}" for r in done.refused]
    wrong += [f"{table} differs afterwards" for table in (t.ORDERS, t.DAYS) if h.rows(table) != h.truth(table)]
    h.tier.write_views(home / "views.duckdb")
    wrong += [f"a draft is left: {p.name}" for p in home.glob(".views*")]
    other = house(home, "other")
    wrong += [f"not purged: {path}" for path in other.tier.purge()]
    wrong += ["the purged directory is there"] if (home / "other").exists() else []
    h.tier.close()
    return wrong


def _copies(h, t):
    before = {t.ORDERS: 1000, t.DAYS: 1000}
    copies = h.tier.copies()
    for table, rows in before.items():
        if table not in copies:
            yield f"{table} has no copy any more"
        elif copies[table].rows not in (rows, rows + 1) or h.rows(table) != _content(h, t, table, copies[table].rows):
            yield f"the copy of {table} is torn"
    for finding in h.tier.verify_files():
        yield f"{finding.path.name}: {finding.message}"


def _kept(h):
    found = {copy.source.digest: copy for copy in h.tier.open().catalog.kept()}
    if KEPT not in found:
        yield "what was kept is lost"
    for digest, copy in found.items():
        with h.tier.queries.lease([copy]):
            numbers = h.engine.rows(copy).column(0).to_pylist()
        if numbers not in (ANSWERS if digest == KEPT else ([7],)):
            yield f"a kept answer is torn: {numbers}"
        if h.tier.facts.check([copy], 0)[copy.table][1] is not None:
            yield "a kept answer is not fresh"


def _newest(catalog):
    return len(catalog.copies()) + len(catalog.kept())


def _content(h, t, table, rows):
    found = h.truth(table)
    return [row for row in found if row["id"] != 5000] if rows == 1000 else found


def _files(h):
    store, catalog = h.tier.open().store, h.tier.open().catalog
    named = {part.path for copy in catalog.all() for part in copy.parts}
    if set(store.parts.iterdir()) != named:
        yield f"parts on the disk: {sorted(store.parts.iterdir())}, named: {sorted(named)}"
    if list(store.drafts.iterdir()):
        yield f"drafts are left: {list(store.drafts.iterdir())}"
    if {path.stem for path in store.manifests.iterdir()} != {copy.id for copy in catalog.all()}:
        yield "the catalog is not the disk"
    if len(catalog.all()) != _newest(catalog):
        h.tier.clean()
        if len(catalog.all()) != _newest(catalog):
            yield "older copies are left"


def _views(home):
    import duckdb

    with duckdb.connect(str(home / "views.duckdb"), read_only=True) as plain:
        if plain.execute("SELECT count(*) FROM bigpato_magic.local_tables").fetchone()[0] not in (1, 2):
            yield "the views are torn"


def demote(home: Path) -> list[str]:
    h = house(home)
    return [r.reason.code for r in h.tier.demote([_tools().ORDERS]).refused]


def hold(home: Path, answers) -> None:
    """Lease a copy, say so, and never let go."""
    import time

    h = house(home)
    copy = h.tier.copies()[_tools().ORDERS]
    with h.tier.queries.lease([copy]):
        h.engine.rows(copy)
        answers.send("held")
        time.sleep(600)


def promote_items(home: Path) -> tuple[int, int]:
    """Transfers of this process, and copies that it sees afterwards."""
    items = _tools().ITEMS
    h = house(home)
    heard = []
    h.tier.rebalance([items], progress=lambda event: heard.append(event.stage))
    return heard.count("verify"), sum(copy.table == items for copy in h.tier.open().catalog.all())


def keep_one(home: Path) -> int:
    """Keep an answer that other processes keep, too; how many there are afterwards."""
    h = house(home)
    keep(h, [7], "b" * 32)
    return sum(copy.source is not None and copy.source.digest == "b" * 32 for copy in h.tier.open().catalog.all())


def read_often(home: Path, times: int) -> list[str]:
    """Read the newest copy again and again; each time it is one whole version."""
    days = _tools().DAYS
    h = house(home)
    wrong = []
    for _ in range(times):
        copy = h.tier.copies()[days]
        with h.tier.queries.lease([copy]):
            try:
                found = h.engine.rows(copy).num_rows
            except Exception as error:
                # Taken away between the look and the lease: a query would go to BigQuery.
                if h.tier.copies()[days].id == copy.id:
                    wrong.append(str(error))
                continue
        if found != copy.rows:
            wrong.append(f"{found} rows of {copy.rows}")
    return wrong


def refresh_often(home: Path, times: int) -> list[str]:
    t = _tools()
    h = house(home)
    wrong = []
    for number in range(times):
        h.warehouse.execute(f"INSERT INTO shop.days VALUES (DATE '2024-01-0{number % 9 + 1}', {9000 + number})")
        wrong += [str(r.reason) for r in h.tier.rebalance([t.DAYS]).refused]
    return wrong


def fill(home: Path, directory: Path) -> list[str]:
    """A table that is larger than the disk fails, says so, and leaves room for one that is not."""
    t = _tools()
    h = house(home)
    h.warehouse.execute(
        "CREATE TABLE shop.large AS SELECT n, TO_HEX(SHA256(CAST(n AS STRING))) AS s "
        "FROM UNNEST(GENERATE_ARRAY(1, 200000)) AS n"
    )
    large = t.TableId("demo", "shop", "large")
    plan = h.tier.plan([large])
    h.tier.close()
    small = t.make_tier(h.warehouse, directory)
    wrong = [] if small.tier.rebalance(plan).refused else ["it fitted"]
    store = small.tier.open().store
    wrong += [str(path) for d in (store.parts, store.drafts, store.manifests) for path in d.iterdir()]
    wrong += [str(r.reason) for r in small.tier.rebalance([t.ITEMS]).refused]
    wrong += _fill_with_an_answer(small)
    return wrong + ([] if small.rows(t.ITEMS) == small.truth(t.ITEMS) else ["items differ"])


def _fill_with_an_answer(small):
    """An answer that is larger than the disk is not kept, and one that is not, is."""
    small.tier.keep.largest = 1 << 30
    generator = random.Random(1)
    keep(small, [generator.randrange(-(1 << 62), 1 << 62) for _ in range(1 << 20)])
    store = small.tier.open().store
    if small.tier.open().catalog.kept():
        yield "8 MiB of noise fitted"
    yield from (f"a draft is left: {path}" for path in store.drafts.iterdir())
    if len(list(store.parts.iterdir())) != 1:
        yield f"parts are left: {list(store.parts.iterdir())}"
    keep(small, [7])
    if len(small.tier.open().catalog.kept()) != 1:
        yield "a small answer was not kept"


def unwritable(home: Path) -> list[str]:
    """As a user who owns the directory but may not write into it."""
    from bigpato_magic.errors import TierError

    t = _tools()
    h = house(home)
    place = home / "shut" / "tier"
    place.mkdir(parents=True)
    for path in (home, *home.rglob("*")):
        os.chown(path, 65534, 65534)
    for parent in home.parents:
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    place.parent.chmod(0o500)
    place.rmdir()
    os.setuid(65534)
    shut = t.make_tier(h.warehouse, place)
    wrong = [] if shut.tier.copies() == {} else ["copies without a directory"]
    try:
        shut.tier.plan([t.ITEMS])
    except TierError as error:
        return wrong + ([] if "cannot be used" in str(error) else [str(error)])
    return [*wrong, "it could be written"]
