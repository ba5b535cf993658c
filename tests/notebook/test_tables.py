"""Tables are read at a glance: words stand left, numbers right, and every cell is text."""

from __future__ import annotations

from bigpato_magic.notebook import tabular

HEADER = ("Table", "Size", "Price", "Note")
ROWS = [("shop.<b>", "1,569.8 TiB", "≈$12.30", ""), ("orders", "–", "", "2024")]


def test_words_left_numbers_right():
    lines = tabular.as_lines(HEADER, ROWS)
    assert lines[0] == "Table            Size    Price  Note"
    assert lines[1] == "shop.<b>  1,569.8 TiB  ≈$12.30"
    assert lines[2] == "orders              –           2024"


def test_html_says_it_of_each_cell_and_escapes():
    page = tabular.as_html(HEADER, ROWS)
    assert (
        '<td style="text-align:left">shop.&lt;b&gt;</td><td style="text-align:right;white-space:nowrap">1,569.8 TiB</td>'
        in page
    )
    assert page.count("text-align:right") == 9


def test_a_column_that_says_nothing_is_left_out():
    rows = [("orders", "", "$1"), ("items", "", "")]
    assert tabular.as_lines(("Table", "Why not", "Price"), rows) == ["Table   Price", "orders     $1", "items"]
    assert "Why not" not in tabular.as_html(("Table", "Why not", "Price"), rows)


def test_nothing_is_nothing():
    assert (tabular.as_html(HEADER, []), tabular.as_lines(HEADER, [])) == ("", [])
