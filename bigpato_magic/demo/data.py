"""What the demo warehouse holds at first: TPC-DS and TPC-H by `tpcgen-cli`, and small samples of every type.

Made aside and moved into place by one rename: a directory has all of it, or none.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sysconfig
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bigpato_magic.demo.samples import make_samples
from bigpato_magic.demo.warehouse import PROJECT, DemoWarehouse
from bigpato_magic.errors import ConfigurationError
from bigpato_magic.parameters import parse_type
from bigpato_magic.types import Column, TableId

log = logging.getLogger("bigpato_magic")

DEFAULT_SCALE = 0.1
_FINISHED = "made.json"
_GENERATOR = "tpcgen-cli"


def prepare(home: Path, datasets: tuple[str, ...], scale: float | None) -> Path:
    """The directory of a finished warehouse under `home`, made if it is not there.

    Raises:
        ConfigurationError: the generator is missing or fails, the data there have another scale, or something else
            is in the place.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = home / "warehouse"
    if not (place / _FINISHED).exists():
        with _lock(home / "lock.sqlite"):
            if not (place / _FINISHED).exists():
                _make(home, place, datasets, scale or DEFAULT_SCALE)
    _check_scale(place, scale)
    return place


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One process makes the data, the others wait for it; a lock of SQLite ends with its process."""
    db = sqlite3.connect(path, timeout=3600, isolation_level=None)
    try:
        db.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        db.close()


def _make(home: Path, place: Path, datasets: tuple[str, ...], scale: float) -> None:
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):  # ours comes by one rename, finished
        raise ConfigurationError(f"{place} is there already and is no demo warehouse", hint="choose another directory")
    for leftover in home.glob(f"warehouse.{'[0-9a-f]' * 32}.part"):
        shutil.rmtree(leftover, ignore_errors=True)
    draft = home / f"warehouse.{uuid.uuid4().hex}.part"
    try:
        warehouse = DemoWarehouse(draft)
        for dataset in datasets:
            _GENERATORS[dataset](warehouse, draft / "generated", scale)
            log.info("Dataset %s generated", dataset)
        warehouse.close()
        shutil.rmtree(draft / "generated", ignore_errors=True)
        (draft / _FINISHED).write_text(json.dumps({"scale": scale, "datasets": datasets}))
        draft.rename(place)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _check_scale(place: Path, scale: float | None) -> None:
    there = json.loads((place / _FINISHED).read_text())["scale"]
    if scale is not None and scale != there:
        raise ConfigurationError(f"{place.parent} has data of scale {there}", hint="choose another directory")


def _tpc(family: str) -> Callable[[DemoWarehouse, Path, float], None]:
    def generate(warehouse: DemoWarehouse, scratch: Path, scale: float) -> None:
        target = scratch / family
        target.mkdir(parents=True)
        _run(_find_generator(), family, "parquet", "-s", f"{scale:g}", "-o", str(target), "-q", "--no-progress")
        for file in sorted(target.glob("*.parquet")):
            warehouse.load_parquet(TableId(PROJECT, family, file.stem), [file], _columns(file))
            file.unlink()

    return generate


def _find_generator() -> str:
    generator = shutil.which(_GENERATOR, path=sysconfig.get_path("scripts")) or shutil.which(_GENERATOR)
    if generator is None:
        raise ConfigurationError(
            f"The demo's data are made by {_GENERATOR}, which is not installed",
            hint="pip install 'bigpato-magic[demo]'",
        )
    return generator


def _run(*command: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "RUST_LOG"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 no shell
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConfigurationError(f"{_GENERATOR} failed: {last}")


def _columns(file: Path) -> list[Column]:
    """The schema that BigQuery would have: INT64, NUMERIC, STRING, DATE."""
    return [Column(f.name, parse_type(_bigquery_type(f.type))) for f in pq.read_schema(file)]


def _bigquery_type(arrow: Any) -> str:
    if pa.types.is_integer(arrow):
        return "INT64"
    if pa.types.is_decimal(arrow):
        return "NUMERIC"
    return "DATE" if pa.types.is_date(arrow) else "STRING"


_GENERATORS: dict[str, Callable[[DemoWarehouse, Path, float], None]] = {
    "samples": lambda warehouse, _scratch, _scale: make_samples(warehouse),
    "tpcds": _tpc("tpcds"),
    "tpch": _tpc("tpch"),
}
