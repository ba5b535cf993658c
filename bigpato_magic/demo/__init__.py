"""An embedded warehouse to try everything on, and to test against: no account, no network, no cost.

    from bigpato_magic import demo

    client = demo.start()                                   # a `BigPato` on TPC-DS, TPC-H and a few samples
    client.run("SELECT COUNT(*) FROM store_sales")
    client.warehouse.execute("DELETE FROM store WHERE …")   # change the data underneath
    client.warehouse.faults.set("query:503", times=2)       # let things go wrong
    client.warehouse.stream_rows("samples.events", [{…}])

It proves plumbing, never dialect: a SELECT is answered by the analyzer, the rules and the evaluator that local runs have,
so an answer of it is no evidence of what BigQuery would say. What none of them takes, and what changes tables, sqlglot
translates, where that is not known to go wrong. What it cannot run is an error, never a guess.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bigpato_magic.client import BigPato
    from bigpato_magic.demo.faults import FAULTS
    from bigpato_magic.demo.warehouse import PROJECT, DemoWarehouse

__all__ = ["FAULTS", "PROJECT", "DemoWarehouse", "default_directory", "open_warehouse", "start"]


_ALL = ("tpcds", "tpch", "samples")


def default_directory() -> Path:
    """Where the demo lives: `BIGPATO_DEMO_DIR`, or a directory of the user's data."""
    import platformdirs

    chosen = os.environ.get("BIGPATO_DEMO_DIR")
    return Path(chosen) if chosen else platformdirs.user_data_path("bigpato-magic") / "demo"


def open_warehouse(
    directory: str | Path | None = None,
    *,
    datasets: tuple[str, ...] = _ALL,
    scale: float | None = None,
    **options: Any,
) -> DemoWarehouse:
    """The warehouse in a directory; its data are generated the first time (about fifteen seconds at scale 0.1).

    Args:
        directory: where it is; default `default_directory()`.
        datasets: what is generated the first time, of `tpcds`, `tpch`, `samples`.
        scale: TPC's scale factor (1 is about 1 GB for each of the two); default 0.1, or what is there.
        **options: of `DemoWarehouse`.

    Raises:
        ConfigurationError: what the demo needs is not installed, or the directory has data of another scale.
    """
    from bigpato_magic.demo.data import prepare
    from bigpato_magic.demo.warehouse import DemoWarehouse

    home = Path(directory) if directory is not None else default_directory()
    return DemoWarehouse(prepare(home, datasets, scale), **options)


def start(
    directory: str | Path | None = None,
    *,
    datasets: tuple[str, ...] = _ALL,
    scale: float | None = None,
    **settings: Any,
) -> BigPato:
    """A `BigPato` on the demo warehouse, whose tier lives in the same directory.

    Example:
        >>> client = start("demo", datasets=("samples",))  # only small ones: ready in two seconds
        >>> client.exec_query("SELECT COUNT(*) AS n FROM samples.buckets")
             n
        0  120

    Args:
        directory: where both live; default `default_directory()`. Started again, it finds the same tables and copies.
        datasets: what is generated the first time, of `tpcds`, `tpch`, `samples`; names without one mean the first.
        scale: TPC's scale factor, the first time; default 0.1.
        **settings: traits of `BigPato`.

    Raises:
        ConfigurationError: as `open_warehouse`.
    """
    from bigpato_magic.client import BigPato

    home = Path(directory) if directory is not None else default_directory()
    warehouse = open_warehouse(home, datasets=datasets, scale=scale)
    defaults = {"project": warehouse.project, "dataset": datasets[0], "directory": str(home / "tier")}
    return BigPato(warehouse=warehouse, **(defaults | settings))


def __getattr__(name: str) -> Any:
    if name in ("DemoWarehouse", "PROJECT"):
        from bigpato_magic.demo import warehouse

        return getattr(warehouse, name)
    if name == "FAULTS":
        from bigpato_magic.demo.faults import FAULTS

        return FAULTS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
