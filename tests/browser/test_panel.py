"""The panel in a real JupyterLab: what a person sees and does, also while a cell runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

HERE = Path(__file__).parent
SHORTLY = 15_000
OPEN = """from standin import StandIn
from bigpato_magic.notebook.panel import panel
client = StandIn({tables}, step={step})
panel(client)"""
BUSY = "import time\nfor _ in range(300): time.sleep(0.1)\nprint('cell' + ' ended')"


@pytest.fixture
def open_panel(notebook):
    """A page with a panel over a stand-in of so many tables, and further cells that run after it."""

    def open_(*cells, tables=200, step=0.05):
        page = notebook(OPEN.format(tables=tables, step=step), *cells)
        expect(rows(page).first).to_be_visible(timeout=60_000)
        return page

    return open_


def rows(page):
    return page.locator(".bp-grid tbody tr:not(.bp-space)")


def row(page, name: str):
    return rows(page).filter(has=page.get_by_role("rowheader", name=re.compile(name)))


def press(page, label: str):
    page.get_by_role("toolbar", name="Actions").get_by_role("button", name=label).click()


def tick(page, name: str):
    page.get_by_label("Filter tables").fill(name)
    page.get_by_role("checkbox", name=f"Tick shop.{name}").or_(page.get_by_label(re.compile(f"Tick .*{name}"))).check()


def run_cell(page, code: str):
    """Append a cell and run it, as a person would, without touching the panel."""
    script = """code => {
      const notebook = jupyterapp.shell.currentWidget.content;
      notebook.model.sharedModel.addCell({cell_type: 'code', source: code});
      notebook.activeCellIndex = notebook.widgets.length - 1;
      jupyterapp.commands.execute('notebook:run-cell');
    }"""
    page.evaluate(script, code)


# ------------------------------------------------------------------------------------------- the table


def test_of_thousands_of_tables_only_those_in_sight_are_drawn(open_panel, shoot):
    page = open_panel(tables=5000)
    grid = page.get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", "5001")
    assert rows(page).count() < 60
    shoot(page, "panel")
    page.locator(".bp-scroll").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    expect(rows(page).last).to_have_attribute("aria-rowindex", "5001")
    assert rows(page).count() < 60


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(open_panel):
    page = open_panel()
    heading = page.get_by_role("columnheader", name="Uses")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    uses = [int(text) for text in page.locator(".bp-grid td.uses").all_inner_texts()]
    assert uses == sorted(uses, reverse=True)
    assert len(uses) > 10


def test_the_filter_leaves_what_was_asked_for(open_panel):
    page = open_panel()
    page.get_by_label("Filter tables").fill("_0150")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Filter tables").fill("")
    page.get_by_label("Show", exact=True).select_option("local")
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", "41")
    page.get_by_label("Filter tables").fill("no such table")
    expect(page.locator(".bp-details")).to_have_text("No table matches the filter.")


def test_the_keyboard_moves_ticks_and_filters_and_the_notebook_keeps_its_own(open_panel):
    page = open_panel(BUSY.replace("300", "1"))
    page.get_by_role("grid").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "Space", "End", "Space"):
        page.keyboard.press(key)
    active = page.locator(".bp-active")
    expect(active).to_have_attribute("aria-rowindex", "201")
    expect(active).to_have_attribute("aria-selected", "true")
    expect(page.locator(".bp-details")).to_contain_text("score")
    expect(page.get_by_role("grid")).to_have_attribute("aria-activedescendant", active.get_attribute("id"))
    page.keyboard.press("Home")
    expect(active).to_have_attribute("aria-rowindex", "2")
    page.keyboard.press("d")  # twice would delete the cell, were the key the notebook's
    page.keyboard.press("d")
    page.keyboard.press("/")
    expect(page.get_by_label("Filter tables")).to_be_focused()
    assert page.locator(".jp-CodeCell").count() == 2


def test_everything_is_reached_by_tab_and_has_a_name(open_panel):
    page = open_panel()
    page.get_by_label("Filter tables").focus()
    names = []
    for _ in range(16):
        page.keyboard.press("Tab")
        script = (
            "() => { const e = document.activeElement; return e.ariaLabel || e.innerText || e.getAttribute('role'); }"
        )
        names.append(page.evaluate(script).strip().split("\n")[0])
    assert names[:3] == ["Show", "Rebalance…", names[2]]
    assert {"Tick all shown", "Table", "Where", "Size", "Uses", "LRU", "Fresh", "Not billed"} <= set(names)
    assert all(names)


def test_a_narrow_cell_shows_what_matters_and_does_not_spill(open_panel, shoot):
    page = open_panel()
    page.set_viewport_size({"width": 760, "height": 900})
    assert page.locator(".bp").evaluate("box => box.scrollWidth <= box.clientWidth")
    expect(page.get_by_role("columnheader", name="Where")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Score")).to_be_hidden()
    shoot(page, "panel-narrow", both=False)


def test_the_score_tells_its_parts(open_panel):
    page = open_panel()
    expect(rows(page).first.locator("td.score")).to_have_attribute(
        "title", re.compile(r"score \$.* for three days: \$.* not billed, .* not waited")
    )
    rows(page).first.hover()
    expect(page.locator(".bp-details")).to_contain_text("for three days: $")


# ------------------------------------------------------------------------------------------ the actions


def test_promote_shows_its_progress_and_the_table_is_local(open_panel, shoot):
    page = open_panel(step=0.1)
    tick(page, "_0150")
    press(page, "Promote")
    expect(row(page, "_0150").get_by_role("progressbar")).to_be_visible(timeout=SHORTLY)
    shoot(page, "panel-progress")
    expect(row(page, "_0150").locator(".bp-badge")).to_have_text("local", timeout=SHORTLY)
    expect(page.get_by_role("status").filter(has_text="1 promoted.")).to_be_visible()
    press(page, "Demote")
    expect(row(page, "_0150").locator(".bp-badge")).to_have_text("bigquery", timeout=SHORTLY)


def test_buttons_work_while_a_cell_runs(open_panel):
    page = open_panel(BUSY)
    tick(page, "_0150")
    press(page, "Promote")
    expect(row(page, "_0150").locator(".bp-badge")).to_have_text("local", timeout=SHORTLY)
    assert page.get_by_text("cell ended").count() == 0


def test_cancel_works_while_a_cell_runs(open_panel):
    page = open_panel(BUSY, step=1)
    tick(page, "_0150")
    press(page, "Promote")
    expect(row(page, "_0150").get_by_role("progressbar")).to_be_visible(timeout=SHORTLY)
    press(page, "Cancel")
    expect(page.locator(".bp-status")).to_contain_text("Cancelled", timeout=SHORTLY)
    expect(row(page, "_0150").locator(".bp-badge")).to_have_text("bigquery")
    assert page.get_by_text("cell ended").count() == 0


def test_nothing_moves_before_the_plan_is_approved(open_panel, shoot):
    page = open_panel()
    press(page, "Rebalance")
    plan = page.get_by_role("dialog", name="Plan of the rebalance")
    expect(plan.get_by_role("row")).to_have_count(6, timeout=SHORTLY)
    expect(plan).to_contain_text("it has row-level security")
    expect(plan).to_contain_text("5 steps,")
    shoot(page, "plan")
    expect(page.locator(".bp-title")).to_have_text("40 of 200 tables local")
    plan.get_by_role("button", name="Approve").click()
    expect(plan).to_be_hidden()
    expect(page.locator(".bp-title")).to_have_text("45 of 200 tables local", timeout=SHORTLY)


def test_a_dismissed_plan_is_gone(open_panel):
    page = open_panel()
    press(page, "Rebalance")
    plan = page.get_by_role("dialog")
    expect(plan).to_be_visible(timeout=SHORTLY)
    page.keyboard.press("Escape")
    expect(plan).to_be_hidden()
    expect(page.locator(".bp-title")).to_have_text("40 of 200 tables local")


def test_pin_and_unpin(open_panel):
    page = open_panel()
    tick(page, "_0150")
    press(page, "Pin")
    expect(row(page, "_0150").get_by_role("rowheader")).to_contain_text("★")
    press(page, "Unpin")
    expect(row(page, "_0150").get_by_role("rowheader")).not_to_contain_text("★")


def test_an_error_is_one_sentence_beside_the_buttons(open_panel):
    page = open_panel("""from dataclasses import replace
table = client.tables()[-1]
broken = replace(table.id, table='broken')
client._tables[broken] = replace(table, id=broken)
client.status.changed()""")
    tick(page, "broken")
    press(page, "Promote")
    expect(page.locator(".bp-status")).to_have_text(
        "acme.shop.broken could not be read (look at its permissions)", timeout=SHORTLY
    )


# -------------------------------------------------------------------- settings, savings and last queries


def test_a_setting_is_the_trait_in_both_directions(open_panel):
    page = open_panel()
    page.locator("summary", has_text="Settings").click()
    budget = page.get_by_label("Disk budget")
    expect(budget).to_have_value("10.0 GiB")
    run_cell(page, "client.tier.budget = '3 GiB'")
    expect(budget).to_have_value("3.0 GiB", timeout=SHORTLY)
    budget.fill("5 GiB")
    budget.press("Enter")
    page.get_by_label("Route").select_option("bigquery")
    page.get_by_label("Staleness allowed").fill("5 min")
    page.get_by_label("Staleness allowed").press("Enter")
    expect(page.locator(".bp-budget")).to_contain_text("of 5.0 GiB", timeout=SHORTLY)
    run_cell(page, "print('now', client.tier.budget, client.route, client.tier.facts.policy.max_staleness)")
    expect(page.get_by_text("now 5368709120 bigquery 300.0")).to_be_visible(timeout=SHORTLY)


def test_a_wrong_value_is_told_where_it_was_typed(open_panel):
    page = open_panel()
    page.locator("summary", has_text="Settings").click()
    budget = page.get_by_label("Disk budget")
    budget.fill("much")
    budget.press("Enter")
    expect(budget).to_have_attribute("aria-invalid", "true", timeout=SHORTLY)
    expect(page.locator(".bp-error", has_text="a size as '10 GiB'")).to_be_visible()
    budget.fill("2 GiB")
    budget.press("Enter")
    expect(budget).to_have_attribute("aria-invalid", "false", timeout=SHORTLY)


def test_savings_and_last_queries_unfold(open_panel, shoot):
    page = open_panel()
    page.locator("summary", has_text="Not billed, day by day").click()
    expect(page.get_by_role("img", name=re.compile("Not billed by day"))).to_be_visible()
    page.locator("summary", has_text="Last queries").click()
    query = page.get_by_role("button", name=re.compile("SELECT COUNT.* AS n11"))
    query.click()
    expect(page.locator(".bp-queries pre:visible")).to_contain_text("orders is not local yet")
    page.set_viewport_size({"width": 1150, "height": 1250})
    page.locator(".bp-head").scroll_into_view_if_needed()
    shoot(page, "panel-folds")
    query.click()
    expect(page.locator(".bp-queries pre:visible")).to_have_count(0)


# ---------------------------------------------------------------------------------- kept answers


@pytest.fixture
def kept(open_panel):
    """A panel with its kept answers unfolded, and the table of them."""
    page = open_panel()
    page.locator("summary", has_text="Kept answers: 30").click()
    return page, page.locator(".bp-kept-grid")


def answers(table):
    return table.locator("tbody tr")


def test_kept_answers_unfold_to_what_they_are_and_did(kept, shoot):
    page, table = kept
    expect(page.locator(".bp-kept > summary")).to_have_text(
        re.compile(r"Kept answers: 30 · \S+ MiB of 2\.5 GiB · not billed: \S+ GiB \(\$\S+\)")
    )
    expect(answers(table)).to_have_count(30)
    expect(answers(table).first).to_contain_text("SELECT country, day, COUNT(*) AS n0")
    assert {cell.inner_text().split()[0] for cell in table.locator("td.fresh").all()} == {"fresh", "stale", "unchecked"}
    answers(table).nth(2).hover()
    expect(page.locator(".bp-kept-details")).to_contain_text(
        re.compile("100 rows, .* on disk · answered 2 h ago · 2 uses, .* not billed")
    )
    expect(page.locator(".bp-kept-details")).to_contain_text("orders has changed")
    page.set_viewport_size({"width": 1150, "height": 1000})
    page.locator(".bp-kept").scroll_into_view_if_needed()
    shoot(page, "panel-kept")


def test_kept_answers_fit_into_a_narrow_cell(kept, shoot):
    page, table = kept
    page.evaluate("() => { document.querySelector('.bp').style.width = '400px'; }")
    expect(table.get_by_role("columnheader", name="Tables")).to_be_hidden()
    expect(table.get_by_role("columnheader", name="Fresh")).to_be_visible()
    expect(answers(table).first.get_by_role("button", name="Forget")).to_be_visible()
    assert page.locator(".bp").evaluate("box => box.scrollWidth <= box.clientWidth")
    assert page.locator(".bp-kept-box").evaluate("box => box.scrollWidth <= box.clientWidth")
    page.locator(".bp-kept").scroll_into_view_if_needed()
    shoot(page, "panel-kept-narrow")


def test_one_answer_is_forgotten_by_its_button(kept):
    page, table = kept
    answers(table).nth(1).get_by_role("button", name="Forget").click()
    expect(answers(table)).to_have_count(29, timeout=SHORTLY)
    expect(page.get_by_role("status").filter(has_text=re.compile(r"1 kept answer forgotten, .* freed"))).to_be_visible()
    expect(table.get_by_role("rowheader", name="AS n1,")).to_have_count(0)
    expect(table).to_be_focused()


def test_the_keyboard_moves_among_answers_and_forgets_one(kept):
    page, table = kept
    table.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    active = table.locator("tr.bp-active")
    expect(active).to_have_attribute("aria-rowindex", "3")
    expect(table).to_have_attribute("aria-activedescendant", active.get_attribute("id"))
    expect(page.locator(".bp-kept-details")).to_contain_text("AS n1,")
    page.keyboard.press("Delete")
    expect(answers(table)).to_have_count(29, timeout=SHORTLY)
    expect(active.get_by_role("rowheader")).to_contain_text("AS n2,")
    page.keyboard.press("d")  # twice would delete the cell, were the key the notebook's
    page.keyboard.press("d")
    assert page.locator(".jp-CodeCell").count() == 1


def test_all_answers_go_only_when_that_was_said_twice(kept, shoot):
    page, table = kept
    everything = page.get_by_role("button", name="Forget all…")
    everything.click()
    dialog = page.get_by_role("dialog", name="Forget all kept answers")
    expect(dialog).to_contain_text("30 kept answers (")
    expect(dialog).to_be_focused()
    dialog.scroll_into_view_if_needed()
    shoot(page, "panel-forget")
    dialog.focus()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(everything).to_be_focused()
    expect(answers(table)).to_have_count(30)
    everything.click()
    dialog.get_by_role("button", name="Forget all").click()
    expect(page.locator(".bp-kept > summary")).to_have_text("Kept answers", timeout=SHORTLY)
    expect(page.locator(".bp-kept-details")).to_contain_text("None yet")
    expect(everything).to_be_hidden()


# ----------------------------------------------------------------------- where there is no live kernel


def test_after_a_kernel_restart_the_panel_says_so(open_panel, shoot):
    page = open_panel()
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(page.get_by_role("alert").filter(has_text="The kernel was restarted")).to_be_visible(timeout=SHORTLY)
    expect(page.get_by_role("button", name="Rebalance")).to_be_disabled()
    shoot(page, "panel-restarted", both=False)


def test_a_saved_notebook_shows_the_static_table_and_a_live_one_hides_it(open_panel, lab, show, chromium, shoot):
    page = open_panel(tables=60)
    expect(page.locator(".bp-static")).to_be_hidden()
    name = page.evaluate("jupyterapp.shell.currentWidget.context.path")
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.wait_for_timeout(500)
    other = show(chromium.new_page(), lab, name, run=False)
    expect(other.locator(".bp-static")).to_be_visible(timeout=SHORTLY)
    expect(other.locator(".bp-static summary")).to_contain_text("12 of 60 tables local")
    expect(other.locator(".bp-static tbody tr")).to_have_count(50)
    shoot(other, "panel-saved", both=False)
    other.close()


def test_nbconvert_shows_the_static_table(lab, page, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    nbconvert = pytest.importorskip("nbconvert")
    import nbformat

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))
    book = nbformat.read(lab.folder / lab.write(OPEN.format(tables=60, step=0.1)), 4)
    nbclient.NotebookClient(book, resources={"metadata": {"path": str(lab.folder)}}).execute()
    html, _ = nbconvert.HTMLExporter().from_notebook_node(book)
    (tmp_path / "book.html").write_text(html, encoding="utf-8")
    page.route(re.compile("^https?://"), lambda route: route.abort())  # as on a machine with no network
    page.goto(f"file://{tmp_path}/book.html", wait_until="domcontentloaded")
    expect(page.locator(".bp-static tbody tr")).to_have_count(50)
    expect(page.locator(".bp-static")).to_be_visible()
