"""IPython in a terminal: no front end, and nothing is missing but the pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SCRIPT = """
from bigpato_magic import BigPato, demo, googlesql, use
warehouse = demo.open_warehouse("demo", datasets=("samples",))
get_ipython().run_line_magic("load_ext", "bigpato_magic")
client = use(BigPato(warehouse=warehouse, project=warehouse.project, dataset="samples", directory="tier"))
googlesql.warm(background=False)
get_ipython().run_cell("%bp_rebalance events")
get_ipython().run_cell("%%bpsql\\nSELECT COUNT(*) AS n FROM events")
get_ipython().run_cell("%bp_panel")
"""


def test_cells_and_the_panel_are_text(tmp_path):
    (tmp_path / "script.ipy").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path / "ipython"), "TERM": "dumb"}
    command = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor", "script.ipy"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert "local · " in ran.stdout
    assert "not billed" in ran.stdout
    assert "BigPato: 1 of 1 table local" in ran.stdout
    assert "samples.events  local" in ran.stdout
    assert "nanobind" not in ran.stdout + ran.stderr  # DuckDB's module, of what is still alive when Python ends
    assert "<" not in ran.stdout.split("BigPato: 1 of 1")[1]  # no HTML, no object's address
