"""Whatever a person does wrong, an error is one of ours: never an AttributeError, IndexError, KeyError, OSError, …"""

from __future__ import annotations

import itertools

import pytest

from bigpato_magic.client import BigPato
from bigpato_magic.demo.warehouse import DemoWarehouse
from bigpato_magic.errors import BigPatoError
from bigpato_magic.notebook.options import BPSQL, PURGE, REBALANCE, SAVINGS, STATUS, VERIFY

TEXTS = (
    *("", " ", ";", "-- SELECT 1", "# x", "/* x", "/* x */ ;", "(", ")", "'", '"""', "`", "@", "@@", "?", "\0", "\ud800", "\ufeff"),
    *("SELECT", "SELECT 1 FROM", "SELECT @x", "SELECT ?", "SELECT '\0'", "SELECT `", "SELECT 1; SELECT 2", "BEGIN", "END;"),
    *("SELECT * FROM no.such", "SELECT * FROM a.b.c.d.e", "SELECT * FROM ``", "SELECT * FROM `a.b`.c", "SELECT 1/0", "nonsense"),
    *("CREATE", "DROP TABLE", "INSERT INTO", "WITH", "FROM", "FROM orders |>", "SELECT ERROR('x')", "SELECT " + "(" * 200),
    *(None, 7, b"SELECT 1", ["SELECT 1"]),
)  # fmt: skip
NAMES = (
    "",
    ".",
    "a.b.c.d",
    "no_such",
    "shop.",
    ".orders",
    "`x`",
    "x\0y",
    "../x",
    " ",
    "\ud800",
    None,
    7,
    b"x",
    [None],
    [""],
    {},
)
PARAMS = (
    "x",
    7,
    {1: 2},
    {"x": None},
    {"x": object()},
    [None],
    {"x": {}},
    {"": 1},
    {"x": "\ud800"},
    {"x": [[1]]},
    iter(()),
    b"x",
)
SETTINGS = {
    "route": ("nowhere", "", 7, b"auto"),
    "max_staleness": ("soon", -1, float("nan"), "5 min"),
    "maximum_bytes_billed": (-1, "much", 1.5),
    "location": (7, "nowhere"),
    "project": (7, "no such", "a:b"),
    "dataset": (7, "a.b.c.d", "no such", "."),
    "cancel": (7,),
    "progress": (7,),
}  # fmt: skip
VALUES = (
    "",
    '""',
    "nonsense",
    "-1",
    "{",
    "'",
    "/",
    "~nobody-here/x",
    "$nosuch",
    "None",
    "--",
    "\\",
    "é",
    "{'x': $nosuch}",
    "\0",
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Some of what is handed over names a file: it lies in no folder of the project."""
    monkeypatch.chdir(tmp_path)


def is_ours(error):
    return error is None or isinstance(error, BigPatoError)


def told(what, run):
    """The complaint about an error that is not ours."""
    try:
        run()
    except BigPatoError as error:
        return None if str(error) else f"{what}: an error that says nothing"
    except Exception as error:
        return f"{what}: {type(error).__name__}: {error}"
    return None


def complaints(cases):
    return [found for what, run in cases for found in [told(what, run)] if found]


@pytest.mark.parametrize("name", ["run", "explain", "dry_run", "exec_query"])
def test_of_texts(client, name):
    method = getattr(client, name)
    assert complaints((f"{name}({text!r})", lambda t=text: method(t)) for text in TEXTS) == []


@pytest.mark.parametrize("name", ["run", "explain", "dry_run"])
def test_of_parameters(client, name):
    method = getattr(client, name)
    cases = ((f"{name}(params={given!r})", lambda g=given: method("SELECT @x AS x", params=g)) for given in PARAMS)
    assert complaints(cases) == []


def test_of_arguments(client):
    pairs = [(name, value) for name, values in SETTINGS.items() for value in values]
    cases = (
        (f"{name}={value!r}", lambda n=name, v=value: client.run("SELECT 1", **{"route": "bigquery", n: v}))
        for name, value in pairs
    )
    assert complaints(cases) == []


@pytest.mark.parametrize("name", ["promote", "refresh", "demote", "pin", "unpin", "plan", "rebalance", "table_id"])
def test_of_names(client, name):
    method = getattr(client, name)
    cases = ((f"{name}({table!r})", lambda t=table: method(t)) for table in NAMES if table is not None or name == "pin")
    assert complaints(cases) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"no_such_setting": 1},
        {"budget": "much"},
        {"route": "nowhere"},
        {"maximum_bytes_billed": "much"},
        {"verify": 2},
        {"bq_key": "/no/such/key.json"},
        {"project": 7},
        {"directory": "/dev/null/x"},
        {"directory": "\0"},
        {"duckdb_db": "/dev/null/x"},
    ],
    ids=str,
)
def test_of_settings(tmp_path, analyzer, settings):
    def run():
        more = {"directory": str(tmp_path / "tier")} | settings
        client = BigPato(**({} if "bq_key" in settings else {"warehouse": warehouse}), **more)
        try:
            client.run("SELECT 1 AS x")
            client.promote("orders")
            client.tables()
        finally:
            client.close()

    warehouse = DemoWarehouse(tmp_path / "warehouse", dataset="shop", threads=1)
    assert complaints([(str(settings), run)]) == []
    warehouse.close()


def option_lines(table):
    for names, how in table:
        if names[0].startswith("-"):
            takes_value = how.get("action") not in ("store_true",)
            yield names[0]
            yield from (f"{names[0]} {value}" for value in (VALUES if takes_value else ("x",)))
        else:
            yield from VALUES


@pytest.mark.parametrize("first", ["SELECT 1 AS x", "-- nothing", "INSERT", "SELECT @x AS x"])
def test_of_query_cells(cell, first):
    found = []
    for line in option_lines(BPSQL):
        error = cell(f"%%bpsql {line}\n{first}").error
        found += [] if is_ours(error) else [f"%%bpsql {line}: {type(error).__name__}: {error}"]
    assert found == []


@pytest.mark.parametrize(
    ("magic", "table"),
    [
        ("bp_rebalance", REBALANCE),
        ("bp_status", STATUS),
        ("bp_savings", SAVINGS),
        ("bp_verify", VERIFY),
        ("bp_purge", PURGE),
        ("bp_demote", STATUS),
        ("bp_pin", STATUS),
        ("bp_unpin", STATUS),
        ("bp_use", STATUS),
        ("bp_explain", ()),
    ],
)
def test_of_other_magics(cell, magic, table, monkeypatch):
    monkeypatch.setattr("bigpato_magic.suite.run.families", lambda: ("net",))  # the whole suite takes minutes
    lines = itertools.chain(("", "--no-such", "SELECT", "-- x", "'"), option_lines(table))
    found = []
    for line in lines:
        error = cell(f"%{magic} {line}").error
        found += [] if is_ours(error) else [f"%{magic} {line}: {type(error).__name__}: {error}"]
    assert found == []


def test_of_files(cell, tmp_path):
    contents = {
        "utf16.sql": "SELECT 1".encode("utf-16"),
        "raw.sql": b"\xff\x00",
        "empty.sql": b"",
        "bom.sql": b"\xef\xbb\xbf",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    paths = [
        *(tmp_path / name for name in contents),
        tmp_path,
        tmp_path / "missing.sql",
        "~nobody-here/x.sql",
        "/dev/null/x",
    ]
    for path in paths:
        assert isinstance(cell(f"%bpsql --file {path}").error, BigPatoError), path


CELLS = (
    "%%bpsql\nSELECT country, COUNT(*) AS n FROM orders GROUP BY country",
    "%%bpsql --route bigquery\nSELECT 1 AS x",
    "%%bpsql --dry_run\nSELECT * FROM orders",
    "%%bpsql df << --to polars\nSELECT * FROM items",
    "%%bpsql df << --to duckdb\nSELECT * FROM orders",
    "%%bpsql\nINSERT INTO items (item_id) VALUES (3)",
    "%bp_explain SELECT * FROM orders",
    "%bp_rebalance orders",
    "%bp_rebalance",
    "%bp_status",
    "%bp_status orders",
    "%bp_savings",
    "%bp_verify",
    "%bp_verify --files",
    "%bp_demote orders",
)  # fmt: skip


def wrong_in(cell, cells=CELLS):
    errors = ((text, cell(text).error) for text in cells)
    return [f"{text}: {type(error).__name__}: {error}" for text, error in errors if not is_ours(error)]


STRIKING = (
    *("credentials:expired", "facts:503", "network:away", "partitions:403", "query:429", "query:out-of-resources"),
    *("read:cut-after-bytes", "tables:403"),
)


@pytest.mark.parametrize("fault", STRIKING)
def test_of_faults_of_the_warehouse(cell, client, fault):
    client.promote(["orders", "items"])
    client.warehouse.execute("INSERT INTO shop.orders (order_id) VALUES (1001)")
    with client.warehouse.faults.during(fault):
        assert wrong_in(cell) == []


@pytest.mark.parametrize("content", [b"", b"nonsense", None], ids=["emptied", "overwritten", "removed"])
@pytest.mark.parametrize("suffix", [".duckdb", ".json", ".sqlite*"])
def test_of_damaged_files(cell, client, tmp_path, suffix, content):
    client.promote(["orders", "items"])
    cell(CELLS[0])
    client.close()
    for path in (tmp_path / "tier").rglob(f"*{suffix}"):
        path.chmod(0o600)
        path.unlink() if content is None else path.write_bytes(content)
    assert wrong_in(cell) == []
