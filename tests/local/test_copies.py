"""A copy holds exactly what BigQuery holds, in the types of BigQuery's schema, and says only what is certain of it."""

from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bigpato_magic.errors import Cancelled, DamagedCopy, LocalRunError, TransferError
from bigpato_magic.local.columns import merge_stats, storable
from bigpato_magic.local.duck import LocalEngine
from bigpato_magic.local.write import RowSource
from bigpato_magic.status import Cancel
from bigpato_magic.tier.policy.score import copyable
from bigpato_magic.types import (
    Column,
    ColumnStats,
    Compiled,
    Holding,
    Kind,
    OutputColumn,
    Parameter,
    Part,
    SqlType,
    TableCopy,
    TableId,
    TableVersion,
    array_of,
    struct_of,
)

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
INT64, STRING, NUMERIC = SqlType(Kind.INT64), SqlType(Kind.STRING), SqlType(Kind.NUMERIC)

EVERYTHING = (
    Column("i", INT64),
    Column("f", SqlType(Kind.FLOAT64)),
    Column("b", SqlType(Kind.BOOL)),
    Column("s", STRING),
    Column("y", SqlType(Kind.BYTES)),
    Column("d", SqlType(Kind.DATE)),
    Column("dt", SqlType(Kind.DATETIME)),
    Column("ts", SqlType(Kind.TIMESTAMP)),
    Column("t", SqlType(Kind.TIME)),
    Column("n", NUMERIC),
    Column("j", SqlType(Kind.JSON)),
    Column("a", array_of(NUMERIC)),
    Column("st", struct_of(("x", INT64), ("tags", array_of(STRING)))),
    Column("items", array_of(struct_of(("price", NUMERIC), ("at", SqlType(Kind.TIMESTAMP))))),
    Column("rowid", INT64),
)
ROWS = [
    {
        "i": 2**63 - 1,
        "f": float("inf"),
        "b": True,
        "s": "naïve\x00 🦆",
        "y": b"\x00\xff",
        "d": dt.date(1, 1, 1),
        "dt": dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
        "ts": dt.datetime(1, 1, 1, tzinfo=dt.UTC),
        "t": dt.time(23, 59, 59, 999999),
        "n": Decimal("99999999999999999999999999999.999999999"),
        "j": '{"a":1}',
        "a": [Decimal("1.500000000")],
        "st": {"x": 1, "tags": ["p", "q"]},
        "items": [{"price": Decimal("9.990000000"), "at": dt.datetime(2024, 5, 1, tzinfo=dt.UTC)}, None],
        "rowid": 7,
    },
    dict.fromkeys((c.name for c in EVERYTHING), None) | {"a": [], "items": []},
    dict.fromkeys((c.name for c in EVERYTHING), None)
    | {
        "i": -(2**63),
        "f": -0.0,
        "s": "",
        "n": Decimal("-0.000000001"),
        "a": [],
        "st": {"x": None, "tags": []},
        "items": [],
    },
]


def arrow(columns, rows):
    from bigpato_magic.frames import arrow_schema

    schema = arrow_schema(tuple(OutputColumn(c.name, c.type) for c in columns))
    return pa.Table.from_pylist(rows, schema=pa.schema([f.with_nullable(True) for f in schema]))


@pytest.fixture
def engine(tmp_path):
    engine = LocalEngine(threads=2, memory_limit="1 GiB")
    engine.allow(tmp_path)
    yield engine
    engine.close()


def copy_of(path: Path, columns, written, id_="c0ffee") -> TableCopy:
    version = TableVersion("e", NOW, NOW, written.rows, 0, "d")
    part = Part(path, written.rows, path.stat().st_size, "")
    held = Holding(frozenset(c.name.lower() for c in columns))
    return TableCopy(id_, TableId("p", "d", "t"), version, tuple(columns), held, (part,), NOW, "me", written.stats)


def write(engine, path, columns, table, how="batches", **more):
    if how == "batches":
        source = RowSource(batches=iter(table.to_batches(max_chunksize=more.pop("chunk", 2))))
    else:
        pq.write_table(table, path.with_suffix(".parquet"))
        source = RowSource(files=(path.with_suffix(".parquet"),))
    return copy_of(path, columns, engine.write_copy(path, columns, source, **more))


@pytest.mark.parametrize("how", ["batches", "files"])
def test_every_type_comes_back_as_it_was(engine, tmp_path, how):
    copy = write(engine, tmp_path / "a.duckdb", EVERYTHING, arrow(EVERYTHING, ROWS), how)
    found = sorted(engine.rows(copy).to_pylist(), key=lambda row: (row["i"] is None, row["i"] or 0))
    expected = [ROWS[2], ROWS[0], ROWS[1]]
    assert found == expected
    assert str(found[0]["f"]) == "-0.0"


@pytest.mark.parametrize("how", ["batches", "files"])
def test_a_datetime_and_a_timestamp_keep_apart_whatever_the_file_says(engine, tmp_path, how):
    columns = (Column("dt", SqlType(Kind.DATETIME)), Column("ts", SqlType(Kind.TIMESTAMP)))
    naive = dt.datetime(2024, 7, 1, 12)
    for number, type_ in enumerate((pa.timestamp("us"), pa.timestamp("us", "UTC"))):
        table = pa.table({"dt": pa.array([naive], type_), "ts": pa.array([naive], type_)})
        copy = write(engine, tmp_path / f"{number}.duckdb", columns, table, how)
        row = engine.rows(TableCopy(**{**_fields(copy), "id": f"c{number}"})).to_pylist()[0]
        assert row == {"dt": naive, "ts": naive.replace(tzinfo=dt.UTC)}


def _fields(copy):
    return {name: getattr(copy, name) for name in copy.__slots__}


@pytest.mark.parametrize("how", ["batches", "files"])
def test_numerics_lie_as_narrow_as_their_values_allow(engine, tmp_path, how):
    columns = tuple(Column(name, NUMERIC) for name in ("cents", "whole", "long", "wide", "share", "none"))
    rows = [
        {
            "cents": Decimal("12.34"),
            "whole": Decimal(5),
            "long": Decimal("12345678901.5"),
            "wide": Decimal("1e20"),
            "share": Decimal("0.123456789"),
            "none": None,
        },
        {
            "cents": Decimal("-9999999.99"),
            "whole": Decimal(-7),
            "long": Decimal(0),
            "wide": Decimal("0.123456789"),
            "share": Decimal("-0.5"),
            "none": None,
        },
    ]
    copy = write(engine, tmp_path / "n.duckdb", columns, arrow(columns, rows), how)
    assert {name: s.physical for name, s in copy.stats.items()} == {
        "cents": "DECIMAL(9,2)",
        "whole": "DECIMAL(9,0)",
        "long": "DECIMAL(18,1)",
        "wide": None,
        "share": {"batches": "DECIMAL(9,9)", "files": "DECIMAL(18,9)"}[how],
        "none": "DECIMAL(9,0)",
    }
    assert [copy.stats[n].scale for n in ("cents", "whole", "long", "wide", "share", "none")] == [2, 0, 1, 9, 9, 0]
    assert sorted(map(str, engine.rows(copy).column("cents").to_pylist())) == ["-9999999.990000000", "12.340000000"]


def test_a_stream_that_needs_wider_numerics_later_loses_nothing(engine, tmp_path):
    columns = (Column("n", NUMERIC), Column("i", INT64))
    values = [
        Decimal(1),
        Decimal(2),
        Decimal("3.25"),
        Decimal("4.125"),
        Decimal("1e12"),
        Decimal("0.000000001"),
        Decimal("1e25"),
    ]
    table = arrow(columns, [{"n": n, "i": i} for i, n in enumerate(values)])
    copy = write(engine, tmp_path / "w.duckdb", columns, table, chunk=1)
    found = engine.rows(copy).sort_by("i").column("n").to_pylist()
    assert found == values
    assert copy.stats["n"] == ColumnStats(False, False, False, "0.000000001", "10000000000000000000000000.000000000", 9)


def test_the_facts_of_a_column_are_certain(engine, tmp_path):
    columns = (
        Column("s", STRING),
        Column("u", STRING),
        Column("f", SqlType(Kind.FLOAT64)),
        Column("d", SqlType(Kind.DATE)),
    )
    rows = [
        {"s": "a", "u": "é", "f": 1.5, "d": dt.date(2024, 1, 2)},
        {"s": "b", "u": "e", "f": float("nan"), "d": None},
    ]
    stats = write(engine, tmp_path / "f.duckdb", columns, arrow(columns, rows)).stats
    assert stats["s"].ascii
    assert not stats["u"].ascii
    assert stats["f"].nan
    assert stats["f"].low is None
    assert (stats["d"].low, stats["d"].high, stats["d"].nulls) == ("2024-01-02", "2024-01-02", True)
    assert not stats["s"].nulls


def test_an_empty_table_is_a_copy_too(engine, tmp_path):
    for how in ("batches", "files"):
        copy = write(engine, tmp_path / f"{how}.duckdb", EVERYTHING, arrow(EVERYTHING, []), how)
        assert copy.rows == 0
        copy = TableCopy(**{**_fields(copy), "id": how})
        assert engine.rows(copy).num_rows == 0


def test_facts_of_parts_together_are_the_weaker_ones():
    column = (Column("n", NUMERIC),)
    one = {"n": ColumnStats(False, False, True, "-2.5", "10.00", 1, "DECIMAL(9,2)")}
    other = {"n": ColumnStats(True, False, True, "-1.000", "9.000", 3, "DECIMAL(18,3)")}
    assert merge_stats([one, other], column)["n"] == ColumnStats(True, False, True, "-2.5", "10.00", 3, "DECIMAL(18,3)")
    assert merge_stats([one, {}], column)["n"] == ColumnStats(True, True, False)


def test_what_cannot_be_held_exactly_is_not_held():
    kept = [Kind.INT64, Kind.STRING, Kind.NUMERIC, Kind.JSON]
    left = [Kind.BIGNUMERIC, Kind.GEOGRAPHY, Kind.INTERVAL]
    assert all(storable(Column("c", SqlType(k))) for k in kept)
    assert not any(storable(Column("c", SqlType(k))) for k in left)
    assert not storable(Column("c", array_of(struct_of(("x", SqlType(Kind.BIGNUMERIC))))))
    assert not storable(Column("c", INT64, policy_tagged=True))
    assert not storable(Column("c", SqlType(Kind.STRING), collation="und:ci"))
    assert not storable(Column("c", SqlType(Kind.TIMESTAMP), parameters=(("timestamp_precision", 12),)))
    assert storable(Column("c", SqlType(Kind.TIMESTAMP), parameters=(("timestamp_precision", 6),)))
    assert storable(Column("c", SqlType(Kind.STRING), parameters=(("max_length", 12),)))


@pytest.mark.parametrize("kind", [k for k in Kind if k not in (Kind.ARRAY, Kind.STRUCT)])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    "more", [{}, {"policy_tagged": True}, {"collation": "und:ci"}, {"parameters": (("timestamp_precision", 12),)}]
)
def test_what_a_plan_brings_is_what_a_copy_may_hold(kind, nested, more):
    """Two layers ask the same question: the plan, which is pure, and the writer. They must never disagree."""
    column = Column("c", struct_of(("x", SqlType(kind))) if nested else SqlType(kind), **more)
    assert bool(copyable([column])) == storable(column)


def test_a_missing_column_is_a_failed_transfer(engine, tmp_path):
    table = pa.table({"a": [1]})
    for how in ("batches", "files"):
        with pytest.raises(TransferError, match="no column b"):
            write(engine, tmp_path / f"{how}.duckdb", (Column("b", INT64),), table, how)


def test_an_error_of_the_transfer_comes_through_as_it_is(engine, tmp_path):
    def cut():
        yield pa.record_batch({"a": [1]})
        raise TransferError("the stream was cut")

    with pytest.raises(TransferError, match="the stream was cut"):
        engine.write_copy(tmp_path / "a.duckdb", (Column("a", INT64),), RowSource(batches=cut()))


def test_a_value_that_does_not_fit_fails_the_transfer(engine, tmp_path):
    with pytest.raises(TransferError):
        write(engine, tmp_path / "a.duckdb", (Column("a", INT64),), pa.table({"a": ["not a number"]}))


# ------------------------------------------------------------------------------------------------ queries


@pytest.fixture
def numbers(engine, tmp_path):
    columns = (Column("i", INT64), Column("s", STRING))
    table = pa.table({"i": list(range(10)), "s": [str(i) for i in range(10)]})
    return write(engine, tmp_path / "numbers.duckdb", columns, table)


def test_parameters_are_bound_by_name_and_the_others_left_out(engine, numbers):
    compiled = Compiled(
        f"SELECT sum(i)::BIGINT FROM {numbers.relation} WHERE i >= $p_low", (OutputColumn("f0_", INT64),)
    )
    given = (Parameter("Low", INT64, 8), Parameter("unused", INT64, 1))
    assert engine.execute(compiled, [numbers], given).to_pylist() == [{"f0_": 17}]


def test_a_guard_and_an_error_of_the_data_are_told_apart(engine, numbers):
    guard = Compiled(f"SELECT error('route: not ASCII') FROM {numbers.relation}", (OutputColumn("x", STRING),))
    with pytest.raises(LocalRunError, match=r"^route: not ASCII$"):
        engine.execute(guard, [numbers])
    overflow = Compiled(f"SELECT i + 9223372036854775807 FROM {numbers.relation}", (OutputColumn("x", INT64),))
    with pytest.raises(LocalRunError, match="Overflow"):
        engine.execute(overflow, [numbers])


def test_a_set_token_stops_a_long_query(engine, numbers):
    cancel = Cancel()
    compiled = Compiled("SELECT sum(hash(x) % 7) FROM range(100000000000) r(x)", (OutputColumn("n", INT64),))
    seen = []

    def progress(share):
        seen.append(share)
        cancel.set()

    with pytest.raises(Cancelled):
        engine.execute(compiled, [numbers], cancel=cancel, progress=progress)
    assert seen
    assert engine.rows(numbers).num_rows == 10


def test_what_does_not_stop_when_it_is_interrupted_keeps_its_copies_until_its_end(engine, numbers):
    """Python's functions are not interrupted, as a few of DuckDB's own: the person has their prompt back, no error of ours."""
    running, go_on, cancel = threading.Event(), threading.Event(), Cancel()

    def slow(i: int) -> int:
        running.set()
        go_on.wait(30)
        return i

    engine._open().create_function("slow", slow, ["BIGINT"], "BIGINT", side_effects=True)
    compiled = Compiled(f"SELECT slow(i) AS i FROM {numbers.relation}", (OutputColumn("i", INT64),))
    threading.Thread(target=lambda: (running.wait(30), cancel.set())).start()
    with pytest.raises(Cancelled):
        engine.execute(compiled, [numbers], cancel=cancel)
    assert numbers.id in engine.detach([numbers.id])
    statement = next(thread for thread in threading.enumerate() if thread.name == "bigpato-duckdb")
    go_on.set()
    statement.join(
        30
    )  # a function of Python's that still runs when its connection is closed would take the process along
    assert not statement.is_alive()
    assert engine.rows(numbers).num_rows == 10


def test_local_sql_reads_nothing_else_on_this_machine(engine, numbers, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.csv"
    secret.write_text("x\n1\n")
    for sql in (f"SELECT x FROM read_csv('{secret}')", f"SELECT content FROM read_text('{secret}')"):
        with pytest.raises(LocalRunError, match="disabled"):
            engine.execute(Compiled(sql, (OutputColumn("x", STRING),)), [numbers])


def test_the_session_is_in_utc_whatever_the_machine_says(engine, numbers, monkeypatch):
    compiled = Compiled(
        f"SELECT CAST(TIMESTAMPTZ '2024-07-01 00:00:00+00' AS VARCHAR) FROM {numbers.relation} LIMIT 1",
        (OutputColumn("t", STRING),),
    )
    assert engine.execute(compiled, [numbers]).to_pylist() == [{"t": "2024-07-01 00:00:00+00"}]


@pytest.mark.parametrize("harm", ["cut", "gone", "other"])
def test_a_file_that_is_not_what_was_written_is_noticed_on_attach(engine, numbers, harm):
    path = numbers.parts[0].path
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-4096])
    elif harm == "gone":
        path.unlink()
    else:
        path.write_bytes(b"x" * numbers.parts[0].bytes)
    with pytest.raises(DamagedCopy) as caught:
        engine.rows(numbers)
    assert caught.value.copies == (numbers.id,)


def test_a_flipped_bit_gives_an_error_and_never_another_answer(engine, tmp_path):
    columns = (Column("i", INT64), Column("s", STRING))
    table = pa.table({"i": list(range(20000)), "s": [f"value {i * 7919 % 20000}" for i in range(20000)]})
    copy = write(engine, tmp_path / "bits.duckdb", columns, table, chunk=20000)
    path = copy.parts[0].path
    whole = path.read_bytes()
    right = engine.rows(copy).sort_by("i")
    engine.detach()
    caught = 0
    for offset in range(12288 + 64, len(whole), 40009):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0x10]) + whole[offset + 1 :])
        try:
            assert engine.rows(copy).sort_by("i").equals(right)
        except LocalRunError:
            caught += 1
        engine.detach()
    assert caught > 3


def test_a_query_goes_on_while_its_copy_is_taken_away(engine, numbers):
    assert engine.rows(numbers).num_rows == 10
    numbers.parts[0].path.unlink()
    assert engine.rows(numbers).num_rows == 10
    assert engine.detach([numbers.id]) == frozenset()
    with pytest.raises(DamagedCopy):
        engine.rows(numbers)


def test_plain_duckdb_opens_a_part(numbers):
    with duckdb.connect(str(numbers.parts[0].path), read_only=True) as plain:
        assert plain.execute("SELECT sum(i) FROM rows").fetchone() == (45,)
