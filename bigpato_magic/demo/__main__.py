"""`python -m bigpato_magic.demo`: make the demo data."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bigpato_magic import demo


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bigpato_magic.demo", description=__doc__)
    parser.add_argument("--directory", type=Path, help=f"where the demo lives (default: {demo.default_directory()})")
    parser.add_argument("--scale", type=float, help="TPC's scale factor (default 0.1, or what is there)")
    asked = parser.parse_args()
    home = asked.directory or demo.default_directory()
    warehouse = demo.open_warehouse(home, scale=asked.scale)
    sys.stdout.write(f"  {len(warehouse.tables(warehouse.project, 'tpcds'))} tables of TPC-DS are in {home}\n")


if __name__ == "__main__":
    main()
