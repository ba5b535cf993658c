"""What a person meets in a notebook on the demo warehouse: cells, footnotes, errors, ■, completion, two panels."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

SOON = 30_000
QUERY = "%%bpsql\nSELECT country, SUM(amount) AS total, COUNT(*) AS n\nFROM orders GROUP BY country ORDER BY country"
ENDLESS = "%%bpsql\nSELECT SUM(a.order_id * b.order_id * c.order_id) AS s\nFROM orders AS a, orders AS b, orders AS c"
NEXT = "print('the next' + ' cell ran')"


def note(page, number: int = 0):
    return page.locator("details.bigpato-note").nth(number)


def cell(page, number: int):
    return page.locator(".jp-CodeCell").nth(number)


def done(page):
    """All cells have run."""
    page.wait_for_function("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'")


# -------------------------------------------------------------------------------------------- a query


def test_a_query_runs_there_then_here_and_the_footnote_says_so(notebook, shop, shoot):
    page = notebook(shop, QUERY, "%bp_rebalance orders", QUERY)
    expect(note(page, 1)).to_contain_text("local · ", timeout=60_000)
    expect(note(page, 0)).to_contain_text("orders is not local yet")
    expect(note(page, 1)).to_contain_text("BigQuery's cache would have had it too")
    tables = page.locator(".jp-OutputArea table.dataframe")
    assert tables.nth(0).inner_text() == tables.nth(1).inner_text()
    page.set_viewport_size({"width": 1150, "height": 1100})
    shoot(page, "cells")


def test_a_click_on_the_footnote_tells_why(notebook, shop, shoot):
    page = notebook(shop, QUERY, "%bp_rebalance orders", QUERY)
    expect(note(page, 1)).to_be_visible(timeout=60_000)
    note(page, 0).locator("summary").click()
    expect(note(page, 0).get_by_text("%bp_rebalance shop.orders")).to_be_visible()
    note(page, 1).locator("summary").click()
    expect(note(page, 1).locator("pre")).to_contain_text("SELECT")
    page.set_viewport_size({"width": 1150, "height": 1300})
    shoot(page, "footnote")


def test_what_stands_between_two_dollar_signs_is_no_formula(notebook, shop):
    """MathJax takes it for one: a price after a price, and a person's own data."""
    texts = "%%bpsql\nSELECT 'from $5' AS cheap, 'to $6' AS dear, country, label\nFROM orders JOIN items ON order_id = item_id"
    formula = "from IPython.display import Latex\nLatex('$x^2$')"
    page = notebook(shop, "%bp_rebalance orders", texts, formula)
    expect(page.locator("mjx-container, .MathJax")).to_have_count(1, timeout=60_000)  # so MathJax has been here
    expect(note(page)).to_contain_text("hybrid")
    expect(note(page)).to_contain_text(re.compile(r"billed \(≈ \$[\d.]+\) · .* not billed \(≈ \$[\d.]+\)"))
    expect(page.locator("table.dataframe").last).to_contain_text("from $5")


def test_keys_that_a_focused_footnote_gets_do_nothing_to_the_cell(notebook, shop):
    page = notebook(shop, QUERY, NEXT)
    expect(note(page)).to_be_visible(timeout=60_000)
    done(page)
    cells = page.locator(".jp-CodeCell").count()
    note(page).locator("summary").focus()
    page.keyboard.press("d")
    page.keyboard.press("d")
    page.keyboard.press("Enter")
    expect(note(page).locator("li").first).to_be_visible()  # it is still there, and Enter opens it
    assert page.locator(".jp-CodeCell").count() == cells


def test_a_mistake_is_a_short_card_and_run_all_stops_there(notebook, shop, shoot):
    page = notebook(shop, "%%bpsql\nSELECT custommer\nFROM orders", NEXT)
    error = page.locator("[data-mime-type='application/vnd.jupyter.stderr'], .jp-RenderedText").filter(
        has_text="QueryError"
    )
    expect(error).to_contain_text("custommer", timeout=60_000)
    expect(error).to_contain_text("^")
    assert len(error.inner_text().splitlines()) < 8
    done(page)
    expect(cell(page, 2).locator(".jp-InputPrompt")).to_have_text("[ ]:")
    assert page.get_by_text("the next cell ran").count() == 0
    shoot(page, "error")


# ---------------------------------------------------------------------------------- progress and stop


@pytest.mark.parametrize(("name", "before"), [("here", "%bp_rebalance orders"), ("there", "client.route = 'bigquery'")])
def test_stop_stops_a_query_and_the_next_cell_runs(notebook, shop, shoot, name, before):
    page = notebook(shop, before, ENDLESS, run=False)
    run_all(page)
    expect(cell(page, 2).locator(".jp-InputPrompt")).to_have_text("[*]:", timeout=60_000)
    expect(cell(page, 2).locator(".jp-OutputArea-output")).to_contain_text(re.compile(r"\d s|min"), timeout=SOON)
    shoot(page, f"running-{name}", both=False)
    page.get_by_role("button", name=re.compile("Interrupt")).click()
    expect(cell(page, 2)).to_contain_text("Stopped", timeout=SOON)
    run_cell(page, NEXT)
    expect(page.get_by_text("the next cell ran")).to_be_visible(timeout=SOON)
    shoot(page, f"stopped-{name}", both=False)


def test_a_rebalance_shows_its_progress(notebook, shop, shoot):
    slow = "warehouse.pace.bandwidth = 20_000"
    page = notebook(shop, slow, "%bp_rebalance orders")
    line = cell(page, 2).locator(".jp-OutputArea-output").filter(has_text=re.compile(r"orders: \w+ .*· \d"))
    expect(line.first).to_be_visible(timeout=60_000)
    shoot(page, "progress", both=False)
    page.get_by_role("button", name=re.compile("Interrupt")).click()
    expect(cell(page, 2)).to_contain_text("Stopped", timeout=SOON)


# ----------------------------------------------------------------------------------------- completion


def test_tab_offers_the_columns_of_the_tables_in_the_from_clause(notebook, shop, shoot):
    page = notebook(shop, "%bp_rebalance orders")
    expect(cell(page, 1)).to_contain_text("1 promoted.", timeout=60_000)
    add_cell(page, "%%bpsql\nSELECT o. FROM orders AS o")
    editor = cell(page, 2).locator(".cm-content")
    editor.click()
    for key in ("Control+End", *["ArrowLeft"] * len(" FROM orders AS o")):
        page.keyboard.press(key)
    page.keyboard.press("Tab")
    popup = page.locator(".jp-Completer")
    for column in ("order_id", "country", "amount", "day"):
        expect(popup).to_contain_text(column)
    shoot(page, "completion")


# ------------------------------------------------------------------------------------------ the panel


def open_row(page, name: str):
    return page.locator(".bp-grid tbody tr").filter(has=page.get_by_role("rowheader", name=re.compile(name)))


def test_the_panel_follows_the_cells_and_its_settings_are_those_of_config(notebook, shop, shoot):
    page = notebook(shop, "%bp_panel", QUERY)
    expect(open_row(page, "shop.orders").locator(".uses")).to_have_text("1", timeout=60_000)
    expect(open_row(page, "shop.orders").locator(".bp-badge")).to_have_text("bigquery")
    run_cell(page, "%bp_rebalance orders")
    expect(open_row(page, "shop.orders").locator(".bp-badge")).to_have_text("local", timeout=SOON)
    run_cell(page, QUERY)
    expect(open_row(page, "shop.orders").locator(".uses")).to_have_text("2", timeout=SOON)
    page.locator("summary", has_text="Settings").click()
    run_cell(page, "%config BigPato.route = 'local'")
    expect(page.get_by_label("Route")).to_have_value("local", timeout=SOON)
    page.get_by_label("Route").select_option("auto")
    run_cell(page, "print('route is', client.route)")
    expect(page.get_by_text("route is auto")).to_be_visible(timeout=SOON)
    page.locator("summary", has_text="Last queries").click()
    page.locator(".bp-head").scroll_into_view_if_needed()
    shoot(page, "panel-demo")


def test_a_plan_is_approved_in_the_panel_while_a_cell_runs(notebook, shop, shoot):
    page = notebook(
        shop, "client.pin(['items'])", "%bp_panel", "import time\nfor _ in range(400): time.sleep(0.1)\n" + NEXT
    )
    expect(page.locator(".bp-title")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Rebalance…").click()
    plan = page.get_by_role("dialog", name="Plan of the rebalance")
    expect(plan).to_contain_text("shop.items", timeout=SOON)
    shoot(page, "plan-demo")
    plan.get_by_role("button", name="Approve").click()
    expect(open_row(page, "shop.items").locator(".bp-badge")).to_have_text("local", timeout=SOON)
    assert page.get_by_text("the next cell ran").count() == 0


SLOW_SUBSHELLS = """
import asyncio
handlers = get_ipython().kernel.control_handlers
create = handlers["create_subshell_request"]
async def slowly(*args):
    await asyncio.sleep(3)
    await create(*args)
handlers["create_subshell_request"] = slowly
"""


def test_a_click_before_the_panel_has_its_subshell_does_not_wait_for_the_running_cell(notebook, shop):
    busy = "import time\nfor _ in range(600): time.sleep(0.1)\n" + NEXT
    page = notebook(SLOW_SUBSHELLS + shop, "client.pin(['items'])", "%bp_panel", busy)
    expect(page.locator(".bp-title")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Rebalance…").click()
    plan = page.get_by_role("dialog", name="Plan of the rebalance")
    expect(plan).to_contain_text("shop.items", timeout=SOON)
    expect(page.get_by_text("No answer yet")).to_have_count(0)
    assert page.get_by_text("the next cell ran").count() == 0


def test_two_panels_in_two_notebooks_show_the_same_truth(notebook, shop, chromium):
    one = notebook(shop, "%bp_panel", QUERY)
    other_window = chromium.new_page()
    other = notebook(shop, "%bp_panel", window=other_window)
    expect(open_row(other, "shop.orders").locator(".bp-badge")).to_have_text("bigquery", timeout=60_000)
    one.bring_to_front()
    open_row(one, "shop.orders").get_by_role("checkbox").check()
    one.get_by_role("button", name="Promote").click()
    expect(open_row(one, "shop.orders").locator(".bp-badge")).to_have_text("local", timeout=SOON)
    expect(open_row(other, "shop.orders").locator(".bp-badge")).to_have_text("local", timeout=SOON)
    other_window.close()


# ------------------------------------------------------------------------------------------ by hand


def run_all(page):
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")


def add_cell(page, code: str):
    """Append a cell and select it."""
    script = """code => {
      const notebook = jupyterapp.shell.currentWidget.content;
      notebook.model.sharedModel.addCell({cell_type: 'code', source: code});
      notebook.activeCellIndex = notebook.widgets.length - 1;
    }"""
    page.evaluate(script, code)


def run_cell(page, code: str):
    """Append a cell and run it."""
    add_cell(page, code)
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-cell'); }")
