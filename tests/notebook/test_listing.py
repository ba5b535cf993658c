"""`%bp_tables`: all that there is, what of it is here, and what bringing the rest would cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bigpato_magic.notebook.inspection import table_facts_card
from bigpato_magic.warehouse import schema


@pytest.fixture
def listed(cell):
    """The lines of `%bp_tables …`."""

    def run(rest=""):
        ran = cell(f"%bp_tables {rest}")
        assert ran.error is None, ran.error
        return str(ran.result).splitlines()

    return run


@pytest.fixture(autouse=True)
def more(client):
    for statement in (
        "CREATE TABLE shop.days (day DATE, n INT64) PARTITION BY day CLUSTER BY n",
        "CREATE VIEW shop.rich AS SELECT * FROM shop.orders WHERE amount > 90",
        "CREATE SCHEMA other",
        "CREATE TABLE other.things (a INT64)",
    ):
        client.warehouse.execute(statement)


def test_all_tables_and_views_are_listed_used_or_not(listed, client):
    client.promote("orders")
    title, header, *rows = listed()
    assert title == "4 tables and views."
    assert header.split() == ["Table", "Where", "Rows", "Size", "Layout", "Bringing", "it", "Why", "not"]
    by_name = {row.split()[0]: row.split()[1:] for row in rows}
    assert list(by_name) == ["shop.days", "shop.items", "shop.orders", "shop.rich"]
    assert by_name["shop.orders"][:3] == ["local", "100", "3.5"]
    assert by_name["shop.items"][:2] + by_name["shop.items"][-1:] == ["BigQuery", "2", "$0"]
    assert "partitioned by day (DAY); clustered by n" in next(row for row in rows if "shop.days" in row)
    assert by_name["shop.rich"] == ["BigQuery", "rich", "is", "a", "view"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("ITEM", ["shop.items"]),
        ("*s", ["shop.days", "shop.items", "shop.orders"]),
        ("other.", ["other.things"]),
        ("other.th*", ["other.things"]),
        ("nope", []),
    ],
)
def test_a_pattern_is_a_part_of_the_name_or_a_shells(listed, pattern, names):
    assert [line.split()[0] for line in listed(pattern)[2:]] == names


def test_nothing_is_said_in_words(listed):
    assert listed("nope") == ["No table or view matches 'nope'."]


def test_the_name_of_one_shows_its_columns(listed):
    title, _, *columns = listed("orders")
    assert title.startswith("bigpato-demo.shop.orders: 100 rows")
    assert [line.split() for line in columns] == [
        ["order_id", "INT64"], ["country", "STRING"], ["amount", "NUMERIC"], ["day", "DATE"],
    ]  # fmt: skip


def test_columns_have_their_descriptions(client):
    (facts,) = client.tier.facts.fetch([client.table_id("items")]).values()
    told = {"name": "item_id", "type": "INTEGER", "description": "What the shop calls it"}
    column = schema.column(told)
    assert column == replace(column, description="")
    assert "What the shop calls it" in table_facts_card(replace(facts, columns=(column,)), None).text


def test_only_so_many_are_asked_about(client):
    listing = client.list_tables(most=1)
    assert (len(listing.tables), listing.matching) == (1, 4)


def test_offline_what_is_known_here_is_listed(listed, client):
    client.promote("orders")
    with client.warehouse.faults.during("network:away"):
        lines = listed()
    assert [line.split()[:3] for line in lines[2:-1]] == [["shop.orders", "local", "100"]]
    assert lines[-1].startswith("BigQuery cannot be reached")


def test_a_dataset_that_is_not_there_is_an_error(cell):
    assert "no_such" in str(cell("%bp_tables no_such.*").error)
