"""One measurement of `benchmarks.overheads`, in the environment that has the other magics too; prints JSON.

Run by `overheads`, never imported by it: the other magics are not dependencies of ours.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS = 1_000_000
ANSWER = "SELECT 42 AS answer"
ALL = "SELECT * FROM million"
MODULES = {"bigpato-magic": "bigpato_magic", "jupysql": "sql", "bigquery-magics": "bigquery_magics"}
FIRST = {"bigpato-magic": f"%%bpsql df <<\n{ANSWER}", "jupysql": f"%%sql df <<\n{ANSWER}"}


def shell() -> Any:
    """A plain IPython shell without history."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    return InteractiveShell.instance(config=config)


Times = tuple[float, float]
"""Seconds by the clock, and of all the processor's cores."""


def seconds(call: Callable[[], Any]) -> Times:
    """Of one call; what it prints is thrown away."""
    with contextlib.redirect_stdout(io.StringIO()):
        clock, processor = time.perf_counter(), time.process_time()
        call()
        return time.perf_counter() - clock, time.process_time() - processor


def cell(ip: Any, text: str) -> Callable[[], None]:
    """A cell as a notebook runs it."""
    return lambda: ip.run_cell(text).raise_error()


def load(name: str) -> dict[str, Times]:
    """`%load_ext` in a shell that has just started, then its first cell, where it needs no server."""
    ip = shell()
    loaded = seconds(cell(ip, f"%load_ext {MODULES[name]}"))
    if name not in FIRST:
        return {"load": loaded}
    first = seconds(lambda: _first(ip, name))
    if "df" not in ip.user_ns or int(ip.user_ns["df"].iloc[0, 0]) != 42:
        raise RuntimeError(f"{name} gave no answer")
    return {"load": loaded, "first": first}


def _first(ip: Any, name: str) -> None:
    """The first cell with what a person has to say before it."""
    if name == "bigpato-magic":
        with tempfile.TemporaryDirectory() as home:
            _use_ours(Path(home), rows=0)
            cell(ip, FIRST[name])()
        return
    _use_jupysql(ip, None)
    cell(ip, FIRST[name])()


def _use_ours(home: Path, rows: int) -> Any:
    import bigpato_magic
    from bigpato_magic.demo.warehouse import DemoWarehouse

    warehouse = DemoWarehouse(home / "warehouse", dataset="shop")
    client = bigpato_magic.BigPato(
        warehouse=warehouse, project=warehouse.project, dataset="shop", directory=str(home / "tier"), route="local"
    )
    bigpato_magic.use(client)
    if rows:
        from bigpato_magic import googlesql
        from bigpato_magic.types import Column, Kind, SqlType

        googlesql.warm(background=False)
        kinds = (*[Kind.INT64] * 4, *[Kind.FLOAT64] * 2, *[Kind.STRING] * 2)
        columns = [Column(f"c{i}", SqlType(kind)) for i, kind in enumerate(kinds)]
        warehouse.load("million", million(), columns)
        client.promote(["million"])
    return client


def _use_jupysql(ip: Any, connection: Any) -> None:
    import duckdb

    ip.user_ns["connection"] = connection or duckdb.connect()
    for line in ("config SqlMagic.autopandas = True", "config SqlMagic.displaycon = False", "sql connection"):
        cell(ip, f"%{line}")()


def million() -> Any:
    """A million rows: four columns of integers, two of floats, two of text."""
    import duckdb

    return (
        duckdb.connect()
        .sql(f"""
        SELECT i AS c0, i % 1000 AS c1, i * 7 AS c2, i % 17 AS c3, i / 3 AS c4, sqrt(i) AS c5,
               'row number ' || i AS c6, 'group ' || (i % 100) AS c7 FROM range({ROWS}) AS t(i)""")
        .to_arrow_table()
    )


def cells(rounds: int) -> dict[str, list[Times]]:
    """`SELECT 42` into a pandas frame, each in its turn, in one process."""
    import duckdb

    ip = shell()
    ip.user_ns["raw"] = duckdb.connect()
    with tempfile.TemporaryDirectory() as home:
        for module in ("bigpato_magic", "sql"):
            cell(ip, f"%load_ext {module}")()
        ip.user_ns["client"] = _use_ours(Path(home), rows=0)
        _use_jupysql(ip, None)
        turns: dict[str, Callable[[], Any]] = {
            "duckdb, no magic": cell(ip, f"df = raw.sql({ANSWER!r}).df()"),
            "bigpato-magic": cell(ip, FIRST["bigpato-magic"]),
            "bigpato-magic, client.run": cell(ip, f"client.run({ANSWER!r})"),
            "jupysql": cell(ip, FIRST["jupysql"]),
        }
        if "BIGQUERY_EMULATOR_HOST" in os.environ:
            turns |= _bigquery(ip)
        return in_turn(turns, rounds)


def _bigquery(ip: Any) -> dict[str, Callable[[], Any]]:
    """Google's magic and Google's client, both against the emulator."""
    import bigquery_magics
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    ip.run_line_magic("load_ext", "bigquery_magics")
    bigquery_magics.context.credentials = AnonymousCredentials()
    bigquery_magics.context.project = "demo"
    bigquery_magics.context.progress_bar_type = None
    ip.user_ns["google"] = bigquery.Client("demo", credentials=AnonymousCredentials())

    def magic() -> None:
        # It prints its errors and goes on: a frame that is not there is the only sign.
        ip.user_ns.pop("answer", None)
        cell(ip, f"%%bigquery answer --use_rest_api\n{ANSWER}")()
        if int(ip.user_ns["answer"].iloc[0, 0]) != 42:
            raise RuntimeError("bigquery-magics gave no answer")

    client = f"df = google.query({ANSWER!r}).to_dataframe(create_bqstorage_client=False)"
    return {
        "Google's client, emulator": cell(ip, client),
        "bigquery-magics, emulator": magic,
    }


def frames(rounds: int) -> dict[str, list[Times]]:
    """A million rows into a frame, each in its turn, in one process."""
    import duckdb

    ip = shell()
    rows = million()
    raw = ip.user_ns["raw"] = duckdb.connect()
    raw.execute("CREATE TABLE million AS FROM rows")
    del rows
    with tempfile.TemporaryDirectory() as home:
        for module in ("bigpato_magic", "sql"):
            cell(ip, f"%load_ext {module}")()
        _use_ours(Path(home), rows=ROWS)
        _use_jupysql(ip, raw)
        turns = {
            "duckdb .df(), no magic": cell(ip, f"df = raw.sql({ALL!r}).df()"),
            "bigpato-magic, pandas": cell(ip, f"%%bpsql df <<\n{ALL}"),
            "bigpato-magic, --to arrow": cell(ip, f"%%bpsql df << --to arrow\n{ALL}"),
            "jupysql, autopandas": cell(ip, f"%%sql df <<\n{ALL}"),
        }
        found = in_turn(turns, rounds)
        if len(ip.user_ns["df"]) != ROWS:
            raise RuntimeError("not all rows came")
        return found


def in_turn(turns: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[Times]]:
    """Seconds of each, round after round, so that a busy moment of the machine meets all of them."""
    found: dict[str, list[Times]] = {name: [] for name in turns}
    for call in turns.values():
        seconds(call)
    for _ in range(rounds):
        for name, call in turns.items():
            found[name].append(seconds(call))
    return found


def main(what: str, argument: str) -> None:
    """Measure `what`."""
    found: Any = load(argument) if what == "load" else {"cells": cells, "frames": frames}[what](int(argument))
    print(json.dumps(found), flush=True)
    # Warming threads and pools of others need not end first.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
