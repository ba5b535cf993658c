"""`python docs/tour.py NOTEBOOK`: run a notebook, without a browser, and print its story. `dev.py tour --headless` does it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

QUIET = ["--IPKernelApp.log_level=ERROR"]


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
    sys.exit(tour(Path(sys.argv[1])))
