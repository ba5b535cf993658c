"""Notebook 7 has the same cells, footnotes, progress, ■, completion, colours and panel."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import serving, show_notebook

SOON = 30_000
QUERY = "%%bpsql\nSELECT country, SUM(amount) AS total\nFROM orders GROUP BY country ORDER BY country"
ENDLESS = "%%bpsql\nSELECT SUM(a.order_id * b.order_id * c.order_id) AS s\nFROM orders AS a, orders AS b, orders AS c"


@pytest.fixture(scope="module")
def server(tmp_path_factory, chromium):
    """Notebook 7; skipped with the reason where it is not installed."""
    try:
        import notebook  # noqa: F401
    except ImportError:
        missing = pytest.fail if os.environ.get("BIGPATO_REQUIRE_BROWSER") == "1" else pytest.skip
        missing("Notebook 7 is not installed (pip install notebook)")
    with serving(tmp_path_factory.mktemp("notebook7"), "notebook", "JupyterNotebookApp") as server:
        yield server


@pytest.fixture
def book(server, page):
    """Open a notebook of these cells and run them all; gives the page."""

    def open_(*cells: str):
        return show_notebook(page, server, server.write(*cells), at="notebooks")

    yield open_
    server.stop_kernels()


def cell(page, number: int):
    return page.locator(".jp-CodeCell").nth(number)


def note(page, number: int):
    return page.locator("details.bigpato-note").nth(number)


def test_a_query_its_footnote_its_colours_and_the_panel(book, shop, shoot):
    page = book(shop, QUERY, "%bp_panel", "%bp_rebalance orders", QUERY)
    expect(note(page, 1)).to_contain_text("local · ", timeout=60_000)
    note(page, 0).locator("summary").click()
    expect(note(page, 0).get_by_text("%bp_rebalance shop.orders")).to_be_visible()
    expect(cell(page, 1).locator(".bp-sql-keyword").first).to_have_text("SELECT")
    row = page.locator(".bp-grid tbody tr").filter(has=page.get_by_role("rowheader", name=re.compile("shop.orders")))
    expect(row.locator(".bp-badge")).to_have_text("local", timeout=SOON)
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Demote").click()
    expect(row.locator(".bp-badge")).to_have_text("bigquery", timeout=SOON)
    expect(page.locator(".bp-static")).to_be_hidden()
    page.set_viewport_size({"width": 1150, "height": 1100})
    shoot(page, "notebook7", both=False)


def test_progress_and_stop(book, shop):
    page = book(shop, "client.route = 'bigquery'", ENDLESS)
    expect(cell(page, 2).locator(".jp-OutputArea-output")).to_contain_text(re.compile(r"\d s|min"), timeout=60_000)
    page.get_by_role("button", name=re.compile("Interrupt")).click()
    expect(cell(page, 2)).to_contain_text("Stopped", timeout=SOON)


def test_tab_offers_columns(book, shop):
    page = book(shop, "%bp_rebalance orders", "")
    expect(cell(page, 1)).to_contain_text("1 promoted.", timeout=60_000)
    editor = cell(page, 2).locator(".cm-content")
    editor.click()
    page.keyboard.insert_text("%%bpsql\nSELECT o. FROM orders AS o")
    for key in ["ArrowLeft"] * len(" FROM orders AS o"):
        page.keyboard.press(key)
    page.keyboard.press("Tab")
    expect(page.locator(".jp-Completer")).to_contain_text("order_id")
    expect(page.locator(".jp-Completer")).to_contain_text("country")
