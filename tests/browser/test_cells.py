"""What a cell shows before it bills, after several queries, and when it is asked what there is."""

from __future__ import annotations

from playwright.sync_api import expect

SOON = 60_000
TWO = "%%bpsql\nSELECT COUNT(*) AS n FROM orders;\nSELECT label FROM items ORDER BY label"


def test_the_price_before_a_large_query_the_tables_and_the_doctor(notebook, shop, shoot):
    dear = "%config BigPato.ask_above = '1 MiB'"
    page = notebook(
        shop, TWO, "%bp_tables", "%bp_doctor", "%bp_history", dear, "%%bpsql\nSELECT SUM(amount) AS s FROM orders"
    )
    error = page.locator(".jp-OutputArea-output", has_text="ConsentNeeded")
    expect(error).to_contain_text("%bp_rebalance orders brings it here", timeout=SOON)
    expect(page.locator("details.bigpato-note")).to_have_count(2)
    expect(page.get_by_text("All is well.")).to_be_visible()
    expect(page.get_by_role("cell", name="shop.orders", exact=True)).to_be_visible()
    page.set_viewport_size({"width": 1150, "height": 2000})
    shoot(page, "before-and-after")
    page.set_viewport_size({"width": 420, "height": 2400})
    shoot(page, "before-and-after-narrow", both=False)
