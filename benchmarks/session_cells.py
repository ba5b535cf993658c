"""An exploration of two days over the demo's TPC-DS warehouse, as it was typed: why did the stores' revenue change?

A step is a cell that runs, or something that happens. Cells stand in the notebook under their name: an edit runs under the
same name and takes the place of what stood there. `RESTART` runs all that stands there then, in order, in a new kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

REBALANCE = "rebalance"
"""`%bp_rebalance`: at the points where a person would do so, after first looks and after a change."""

CHANGE = "change"
"""Somebody changes a table."""

NIGHT = "night"
"""Until the day after next: BigQuery's own cache forgets."""

RESTART = "restart"
"""Restart & Run All."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens.

    Args:
        event: `look`, `new`, `edit`, `filter`, `join`, `last step`, `rerun`, `spelling` are cells; the others are above.
        cell: its name in the notebook, empty where nothing runs.
        sql: its text.
    """

    event: str
    cell: str = ""
    sql: str = ""


BY_MONTH = """\
SELECT d_year, d_moy, COUNT(*) AS sales, SUM(ss_net_paid) AS paid
FROM store_sales JOIN date_dim ON d_date_sk = ss_sold_date_sk
GROUP BY d_year, d_moy
ORDER BY d_year, d_moy"""

OF_YEAR = """\
SELECT d_moy, COUNT(*) AS sales, SUM(ss_net_paid) AS paid
FROM store_sales JOIN date_dim ON d_date_sk = ss_sold_date_sk
WHERE d_year = {year}
GROUP BY d_moy
ORDER BY d_moy"""

BY_CATEGORY = """\
SELECT i_category, SUM(ss_net_paid) AS paid, SUM(ss_net_profit) AS profit
FROM store_sales JOIN item ON i_item_sk = ss_item_sk
GROUP BY i_category
ORDER BY paid DESC, i_category"""

BY_CLASS = """\
SELECT i_class, COUNT(*) AS sales, SUM(ss_net_paid) AS paid
FROM store_sales JOIN item ON i_item_sk = ss_item_sk
WHERE i_category = '{category}'
GROUP BY i_class
ORDER BY paid DESC, i_class"""

BY_STATE = """\
SELECT ca_state, COUNT(*) AS sales, SUM(ss_net_paid) AS paid
FROM store_sales
JOIN customer ON c_customer_sk = ss_customer_sk
JOIN customer_address ON ca_address_sk = c_current_addr_sk
GROUP BY ca_state
ORDER BY paid DESC, ca_state
LIMIT 20"""

STEPS_OF_CHAIN = """\
WITH monthly AS (
  SELECT s_store_name, d_year, d_moy, SUM(ss_net_paid) AS paid
  FROM store_sales
  JOIN store ON s_store_sk = ss_store_sk
  JOIN date_dim ON d_date_sk = ss_sold_date_sk
  GROUP BY s_store_name, d_year, d_moy
)
"""

MONTHLY = "SELECT * FROM monthly ORDER BY s_store_name, d_year, d_moy"
YEARLY = "SELECT s_store_name, d_year, SUM(paid) AS paid FROM monthly GROUP BY s_store_name, d_year ORDER BY 1, 2"
BEST = "SELECT s_store_name, d_year, d_moy, paid FROM monthly ORDER BY paid DESC, 1, 2, 3 LIMIT {n}"
OF_STORE = "SELECT d_year, d_moy, paid FROM monthly WHERE s_store_name = '{store}' ORDER BY d_year, d_moy"
WEAK = "SELECT s_store_name, COUNT(*) AS months FROM monthly WHERE paid < {limit} GROUP BY s_store_name ORDER BY 1"

RETURNED = """\
SELECT i_category, COUNT(*) AS returns, SUM(sr_return_amt) AS amount
FROM store_returns JOIN item ON i_item_sk = sr_item_sk
GROUP BY i_category
ORDER BY amount DESC, i_category"""

RETURN_RATE = """\
WITH sold AS (
  SELECT ss_item_sk AS item, SUM(ss_quantity) AS pieces FROM store_sales GROUP BY ss_item_sk
), back AS (
  SELECT sr_item_sk AS item, SUM(sr_return_quantity) AS pieces FROM store_returns GROUP BY sr_item_sk
)
SELECT i_item_id, i_category, sold.pieces AS went, back.pieces AS came
FROM sold JOIN back ON back.item = sold.item JOIN item ON i_item_sk = sold.item
WHERE sold.pieces > {least}
ORDER BY SAFE_DIVIDE(came, went) DESC, i_item_id, went
LIMIT {n}"""

CHANNELS = """\
SELECT channel, d_year, SUM(paid) AS paid
FROM (
  SELECT 'store' AS channel, ss_sold_date_sk AS day, ss_net_paid AS paid FROM store_sales
  UNION ALL
  SELECT 'web', ws_sold_date_sk, ws_net_paid FROM web_sales
) JOIN date_dim ON d_date_sk = day
GROUP BY channel, d_year
ORDER BY channel, d_year"""


def look(table: str, limit: int = 100) -> Step:
    """A first look into a table."""
    return Step("look", f"look {table}", f"SELECT * FROM {table} LIMIT {limit}")


STEPS: tuple[Step, ...] = (
    # The first morning: what is there?
    look("store_sales"),
    look("date_dim"),
    look("item"),
    look("store"),
    Step("new", "count", "SELECT COUNT(*) AS n, COUNT(DISTINCT ss_customer_sk) AS customers FROM store_sales"),
    Step("rerun", "count", "SELECT COUNT(*) AS n, COUNT(DISTINCT ss_customer_sk) AS customers FROM store_sales"),
    Step("new", "months", BY_MONTH.replace("\nORDER BY d_year, d_moy", "")),
    Step("edit", "months", BY_MONTH),
    Step("rerun", "months", BY_MONTH),
    Step("spelling", "months", "-- revenue by month\n" + BY_MONTH.replace(" AS paid", " AS  paid")),
    Step(
        "last step", "months", BY_MONTH.replace("ORDER BY d_year, d_moy", "ORDER BY paid DESC, d_year, d_moy\nLIMIT 12")
    ),
    Step("filter", "year", OF_YEAR.format(year=2000)),
    Step("filter", "year", OF_YEAR.format(year=2001)),
    Step("filter", "year", OF_YEAR.format(year=2002)),
    Step("filter", "year", OF_YEAR.format(year=2001)),
    Step("spelling", "year", OF_YEAR.format(year=2001).replace("\n", " ").lower()),
    Step(REBALANCE),
    # Which goods?
    Step("join", "category", BY_CATEGORY),
    Step("last step", "category", BY_CATEGORY.replace("ORDER BY paid DESC", "ORDER BY profit")),
    Step("rerun", "category", BY_CATEGORY.replace("ORDER BY paid DESC", "ORDER BY profit")),
    Step("filter", "class", BY_CLASS.format(category="Women")),
    Step("filter", "class", BY_CLASS.format(category="Music")),
    Step("filter", "class", BY_CLASS.format(category="Women")),
    Step("edit", "class", BY_CLASS.format(category="Women").replace("COUNT(*)", "COUNT(DISTINCT ss_ticket_number)")),
    # Which customers?
    look("customer"),
    look("customer_address"),
    Step("join", "state", BY_STATE),
    Step("last step", "state", BY_STATE.replace("LIMIT 20", "LIMIT 50")),
    Step("edit", "state", BY_STATE.replace("GROUP BY", "WHERE c_birth_year > 1970\nGROUP BY")),
    Step("edit", "state", BY_STATE.replace("GROUP BY", "WHERE c_birth_year > 1980\nGROUP BY")),
    Step("edit", "state", BY_STATE.replace("GROUP BY", "WHERE c_birth_year > 1970\nGROUP BY")),
    Step(REBALANCE),
    # A chain of steps, of which the last is edited.
    Step("new", "stores", STEPS_OF_CHAIN + MONTHLY),
    Step("last step", "stores", STEPS_OF_CHAIN + YEARLY),
    Step("last step", "stores", STEPS_OF_CHAIN + BEST.format(n=10)),
    Step("last step", "stores", STEPS_OF_CHAIN + BEST.format(n=25)),
    Step("last step", "stores", STEPS_OF_CHAIN + OF_STORE.format(store="ese")),
    Step("last step", "stores", STEPS_OF_CHAIN + OF_STORE.format(store="able")),
    Step("last step", "stores", STEPS_OF_CHAIN + WEAK.format(limit=20000)),
    Step("last step", "stores", STEPS_OF_CHAIN + WEAK.format(limit=50000)),
    Step("spelling", "stores", STEPS_OF_CHAIN.replace("monthly", "m") + YEARLY.replace("monthly", "m")),
    # The afternoon: a new kernel, and all cells again.
    Step(RESTART),
    Step("rerun", "stores", STEPS_OF_CHAIN + MONTHLY),
    # Returns: another large table.
    look("store_returns"),
    Step("new", "returns", RETURNED),
    Step("edit", "returns", RETURNED.replace("SUM(sr_return_amt)", "SUM(sr_return_amt_inc_tax)")),
    Step("edit", "returns", RETURNED),
    Step("join", "rate", RETURN_RATE.format(least=100, n=50)),
    Step("last step", "rate", RETURN_RATE.format(least=100, n=20)),
    Step("last step", "rate", RETURN_RATE.format(least=200, n=20)),
    Step("rerun", "rate", RETURN_RATE.format(least=200, n=20)),
    # Somebody corrects the sales of a store: all that rests on them is new.
    Step(CHANGE, sql="DELETE FROM tpcds.store_sales WHERE ss_store_sk = 1 AND ss_quantity > 90"),
    Step("rerun", "months", BY_MONTH),
    Step("rerun", "category", BY_CATEGORY),
    Step("rerun", "returns", RETURNED),
    Step("rerun", "stores", STEPS_OF_CHAIN + YEARLY),
    Step("rerun", "stores", STEPS_OF_CHAIN + YEARLY),
    Step(REBALANCE),
    Step("filter", "class", BY_CLASS.format(category="Shoes")),
    Step("filter", "class", BY_CLASS.format(category="Books")),
    Step("last step", "stores", STEPS_OF_CHAIN + BEST.format(n=5)),
    Step("last step", "rate", RETURN_RATE.format(least=150, n=20)),
    # Another channel, and the price of an item.
    look("web_sales"),
    Step("join", "channels", CHANNELS),
    Step("rerun", "channels", CHANNELS),
    Step("last step", "channels", CHANNELS.replace("ORDER BY channel, d_year", "ORDER BY paid DESC, channel, d_year")),
    Step(CHANGE, sql="UPDATE tpcds.item SET i_current_price = i_current_price + 1 WHERE i_item_sk < 100"),
    Step("new", "price", "SELECT i_category, MAX(i_current_price) AS price FROM item GROUP BY i_category ORDER BY 1"),
    Step("rerun", "category", BY_CATEGORY),
    Step("rerun", "months", BY_MONTH),
    # The day after next.
    Step(NIGHT),
    Step(RESTART),
    Step("filter", "year", OF_YEAR.format(year=1999)),
    Step("filter", "year", OF_YEAR.format(year=2000)),
    Step("last step", "stores", STEPS_OF_CHAIN + BEST.format(n=3)),
    Step("rerun", "channels", CHANNELS),
)
"""All that happened."""


def played() -> tuple[Step, ...]:
    """The steps with each `RESTART` followed by the cells that stand in the notebook then."""
    notebook: dict[str, str] = {}
    steps: list[Step] = []
    for step in STEPS:
        steps.append(step)
        if step.event == RESTART:
            steps += (Step("rerun", cell, sql) for cell, sql in notebook.items())
        elif step.cell:
            notebook[step.cell] = step.sql
    return tuple(steps)
