"""BigQuery SQL in `%%bpsql` cells has its colours in JupyterLab, by the extension that the wheel ships."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

SQL = '''%%bpsql df << --params {"n": 1}
-- don't paint me as Python: it's "SQL"
SELECT country, COUNT(*) AS n, r'a\\d' AS pattern, """three
lines # of text""" AS note
FROM `acme.shop.orders` AS o  # all of them
WHERE day >= @since AND amount > 1.5e3 AND CAST(id AS INT64) IS NOT NULL /* a
block */
GROUP BY country'''


@pytest.fixture(scope="module")
def sql_cell(lab, chromium, show):
    """A page with one SQL cell and one Python cell."""
    page = chromium.new_page()
    show(page, lab, lab.write(SQL, "x = 'python stays python'  # SELECT"), run=False)
    expect(page.locator(".bp-sql-keyword").first).to_be_visible(timeout=30_000)
    yield page
    page.close()


def marked(page, kind: str) -> str:
    """The marked text of a kind, in order and without line breaks; a token may be drawn in pieces."""
    return "".join(page.locator(f".jp-Cell .bp-sql-{kind}").all_inner_texts())


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("keyword", "SELECT AS AS AS FROM AS WHERE AND AND CAST AS IS NOT NULL GROUP BY".replace(" ", "")),
        ("string", "r'a\\d'" + '"""threelines # of text"""'),
        ("comment", "-- don't paint me as Python: it's \"SQL\"" + "# all of them" + "/* ablock */"),
        ("quoted", "`acme.shop.orders`"),
        ("param", "@since"),
        ("number", "1.5e3"),
        ("type", "INT64"),
        ("call", "COUNT"),
    ],
)
def test_each_kind_of_token_has_its_mark(sql_cell, kind, text):
    assert marked(sql_cell, kind) == text


def test_it_looks_right(sql_cell, shoot):
    shoot(sql_cell, "highlighting")


def test_a_query_to_be_explained_has_its_colours_too(notebook):
    page = notebook("%%bp_explain\nSELECT 1", run=False)
    expect(page.locator(".bp-sql-keyword")).to_have_text("SELECT", timeout=30_000)


def test_a_keyword_looks_different_from_a_name_in_both_themes(notebook, theme):
    page = notebook(SQL, run=False)
    expect(page.locator(".bp-sql-keyword").first).to_be_visible(timeout=30_000)
    colour = "node => getComputedStyle(node.querySelector('*') ?? node).color"
    for dark in (False, True):
        theme(page, dark)
        seen = {
            kind: page.locator(f".bp-sql-{kind}").first.evaluate(colour)
            for kind in ("keyword", "word", "string", "comment")
        }
        assert len(set(seen.values())) == 4, seen
    theme(page, dark=False)


def test_colours_come_and_go_with_the_magic(notebook):
    page = notebook("SELECT 1", run=False)
    editor = page.locator(".jp-Cell .cm-content").first
    editor.click()
    page.keyboard.press("Control+Home")
    assert page.locator(".bp-sql-keyword").count() == 0
    page.keyboard.type("%%bpsql\n")
    expect(page.locator(".bp-sql-keyword")).to_have_text("SELECT")
    page.keyboard.press("ArrowUp")
    page.keyboard.type("#")
    expect(page.locator(".bp-sql-keyword")).to_have_count(0)
