"""Make docs/notebook.png, the picture of the README: `python docs/picture.py` (a minute; Chromium, the test extras).

A real JupyterLab runs the cells on the demo warehouse, with folders of its own; the notebook alone is photographed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tests.browser.conftest import CHROMIUM, FLAGS, IDLE, serving, show_notebook  # noqa: E402

QUERY = """%%bpsql
SELECT i_category, SUM(ss_quantity) AS pieces, CAST(SUM(ss_net_paid) AS INT64) AS paid
FROM store_sales JOIN item ON ss_item_sk = i_item_sk
WHERE i_category IS NOT NULL
GROUP BY i_category
ORDER BY paid DESC
LIMIT 3"""
SETUP = "%load_ext bigpato_magic\nfrom bigpato_magic import demo, use\nclient = use(demo.start())"
OTHER = QUERY.replace("SUM(ss_quantity) AS pieces", "COUNT(*) AS sales").replace("LIMIT 3", "LIMIT 4")
# The first answer there and the first one here wait for imports; the picture is of what a person usually waits.
CELLS = (SETUP, "%bpsql SELECT 1", QUERY, "%bp_rebalance store_sales item", QUERY, OTHER, "%bp_panel")
LEFT_OUT = (0, 1, 4)
WIDTH = 960


def main() -> None:
    """Run the cells and take the picture."""
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        page = browser.new_page(viewport={"width": WIDTH, "height": 1800})
        with serving(Path(home), "jupyterlab", "LabApp") as lab:
            show_notebook(page, lab, lab.write(*CELLS, name="notebook.ipynb"), run=False)
            page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
            page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
            page.wait_for_selector(".bp-grid tbody tr", timeout=300_000)
            page.wait_for_function(IDLE)
            _tidy(page)
            page.screenshot(path=HERE / "notebook.png", clip=_box(page))
        browser.close()


def _tidy(page: Any) -> None:
    """Nothing selected, and only the cells that tell the story."""
    page.add_style_tag(
        content=".jp-Toolbar, .jp-cell-toolbar, .jp-Collapser, .jp-Notebook-footer { display: none !important; }"
    )
    page.evaluate(
        """left => {
          const cells = [...document.querySelectorAll(".jp-CodeCell")];
          cells.forEach((cell, i) => { if (left.includes(i)) cell.style.display = "none"; });
          document.activeElement.blur();
        }""",
        list(LEFT_OUT),
    )
    page.wait_for_timeout(1000)


def _box(page: Any) -> dict[str, float]:
    cells = [cell.bounding_box() for cell in page.locator(".jp-CodeCell").all()]
    seen = [box for box in cells if box is not None and box["height"]]
    top, bottom = min(box["y"] for box in seen), max(box["y"] + box["height"] for box in seen)
    left, right = min(box["x"] for box in seen), max(box["x"] + box["width"] for box in seen)
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


if __name__ == "__main__":
    main()
