"""A query that comes again is run by the plan that DuckDB has kept of it, and answers as it did the first time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa
import pytest

from bigpato_magic.errors import DamagedCopy, LocalRunError
from bigpato_magic.local.duck import LocalEngine
from bigpato_magic.local.prepared import SMALL, PreparedQuery
from bigpato_magic.types import Column, Compiled, Kind, OutputColumn, SqlType
from tests.local.test_copies import write

INT64 = SqlType(Kind.INT64)
COLUMNS = (Column("i", INT64),)


@pytest.fixture
def engine(tmp_path):
    engine = LocalEngine(threads=1, memory_limit="1 GiB")
    engine.allow(tmp_path)
    yield engine
    engine.close()


@pytest.fixture
def numbers(engine, tmp_path):
    return write(engine, tmp_path / "numbers.duckdb", COLUMNS, pa.table({"i": list(range(10))}))


@pytest.fixture
def prepared(monkeypatch):
    """The texts of which DuckDB makes a plan to keep, as they come."""
    texts = []
    rows = PreparedQuery.rows

    def noted(self, sql):
        if not self.ready:
            texts.append(sql)
        return rows(self, sql)

    monkeypatch.setattr(PreparedQuery, "rows", noted)
    return texts


def total(copy, more=""):
    return Compiled(f"SELECT sum(i)::BIGINT AS s FROM {copy.relation}{more}", (OutputColumn("s", INT64),))


def test_the_same_answer_each_time_and_one_plan_from_the_second_on(engine, numbers, prepared):
    answers = [engine.execute(total(numbers), [numbers]) for _ in range(4)]
    assert [a.to_pylist() for a in answers] == [[{"s": 45}]] * 4
    assert len({str(a.schema) for a in answers}) == 1
    assert prepared == [total(numbers).sql]


def test_a_text_that_comes_once_or_gives_many_rows_is_not_prepared(engine, tmp_path, prepared):
    many = write(engine, tmp_path / "many.duckdb", COLUMNS, pa.table({"i": list(range(SMALL + 1))}), chunk=20_000)
    engine.execute(total(many), [many])
    for _ in range(3):
        assert engine.rows(many).num_rows == SMALL + 1
    assert prepared == []


def test_no_plan_is_kept_where_none_is_wanted(tmp_path, prepared):
    engine = LocalEngine(threads=1, kept_plans=0)
    engine.allow(tmp_path)
    copy = write(engine, tmp_path / "a.duckdb", COLUMNS, pa.table({"i": [1]}))
    for _ in range(3):
        assert engine.execute(total(copy), [copy]).to_pylist() == [{"s": 1}]
    engine.close()
    assert prepared == []


def test_only_the_last_used_are_kept(engine, numbers, prepared):
    engine.kept_plans = 2
    texts = [total(numbers, f" WHERE i >= {low}") for low in (0, 1, 2)]
    for _ in range(2):
        for text in texts:
            engine.execute(text, [numbers])
    assert [engine.execute(text, [numbers]).to_pylist() for text in texts] == [[{"s": 45}], [{"s": 45}], [{"s": 44}]]
    assert len(prepared) > len(texts)


def test_a_plan_goes_with_its_copy_and_another_file_of_that_name_is_read(engine, numbers, tmp_path, prepared):
    for _ in range(3):
        engine.execute(total(numbers), [numbers])
    assert not engine.detach([numbers.id])
    numbers.parts[0].path.unlink()
    with pytest.raises(DamagedCopy):
        engine.execute(total(numbers), [numbers])
    again = write(engine, tmp_path / "numbers.duckdb", COLUMNS, pa.table({"i": [7]}))
    assert engine.execute(total(again), [again]).to_pylist() == [{"s": 7}]
    assert prepared == [total(numbers).sql] * 2


def test_other_copies_may_come_and_go(engine, numbers, tmp_path):
    for number in range(3):
        other = replace(
            write(engine, tmp_path / f"{number}.duckdb", COLUMNS, pa.table({"i": [number]})), id=f"other{number}"
        )
        assert engine.execute(total(other), [other]).to_pylist() == [{"s": number}]
        assert engine.execute(total(numbers), [numbers]).to_pylist() == [{"s": 45}]
        engine.detach([other.id])


def test_a_failure_comes_again_and_leaves_nothing_behind(engine, numbers):
    guard = Compiled(
        f"SELECT CASE WHEN i > 100 THEN 1 ELSE error('route: small') END AS x FROM {numbers.relation}",
        (OutputColumn("x", INT64),),
    )
    for _ in range(3):
        with pytest.raises(LocalRunError, match=r"^route: small$"):
            engine.execute(guard, [numbers])
    assert engine.execute(total(numbers), [numbers]).to_pylist() == [{"s": 45}]


def test_threads_that_ask_the_same_at_once_each_get_it(engine, numbers):
    together = threading.Barrier(4)

    def ask(_):
        together.wait()
        return [engine.execute(total(numbers), [numbers]).to_pylist() for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        assert all(found == [[{"s": 45}]] * 20 for found in pool.map(ask, range(4)))
