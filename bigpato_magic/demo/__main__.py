"""`python -m bigpato_magic.demo`: make the demo data; with `--tour NOTEBOOK`, run a notebook and print its story."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bigpato_magic import demo

QUIET = ["--IPKernelApp.log_level=ERROR"]


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bigpato_magic.demo", description=__doc__)
    parser.add_argument("--directory", type=Path, help="where the demo lives (default: %(default)s)")
    parser.add_argument("--scale", type=float, help="TPC's scale factor (default 0.1, or what is there)")
    parser.add_argument("--tour", type=Path, metavar="NOTEBOOK", help="run this notebook, without a browser")
    asked = parser.parse_args()
    home = asked.directory or demo.default_directory()
    warehouse = demo.open_warehouse(home, scale=asked.scale)
    _say(f"  {len(warehouse.tables(warehouse.project, 'tpcds'))} tables of TPC-DS are in {home}")
    return tour(asked.tour) if asked.tour else 0


def tour(notebook: Path) -> int:
    """Run a notebook in a kernel of this environment and print each cell's story; 1 where a cell failed."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    book: Any = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    where = {"metadata": {"path": str(notebook.parent)}}
    client = NotebookClient(book, kernel_name="python3", timeout=600, resources=where, extra_arguments=QUIET)
    failed: CellExecutionError | None = None
    try:
        client.execute()
    except CellExecutionError as error:
        failed = error
    for cell in book.cells:
        if cell.cell_type == "code":
            _tell(cell)
    return 0 if failed is None else 1


def _tell(cell: Any) -> None:
    lines = [line for line in cell.source.splitlines() if line.strip()]
    _say(f"\n  In: {' ⏎ '.join(lines)[:100]}")
    for line in _story(cell.outputs):
        _say(f"      {line}")


def _story(outputs: list[Mapping[str, Any]]) -> Iterator[str]:
    """The footnote of a result, the text of a card or of an error: what a person reads under the cell."""
    for output in outputs:
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        if output["output_type"] == "error":
            text = f"{output['ename']}: {output['evalue']}"
        lines = [line for line in str(text).splitlines() if line.strip()]
        is_frame = "bigpato" in output.get("metadata", {})
        yield from lines[-1:] if is_frame else lines[:12]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
