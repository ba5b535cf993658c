"""Completion knows what is in scope where the cursor (`|`) stands, in queries that are not whole yet."""

from __future__ import annotations

import pytest
from IPython.core.completer import CompletionContext

from bigpato_magic.notebook.complete import complete
from bigpato_magic.notebook.saved import SavedQueries
from bigpato_magic.types import Column, Kind, SqlType, array_of, struct_of

INT, TEXT = SqlType(Kind.INT64), SqlType(Kind.STRING)
ADDRESS = struct_of(("city", TEXT), ("place", struct_of(("lat", SqlType(Kind.FLOAT64)))))
SCHEMAS = {
    ("shop", "orders"): (Column("order_id", INT), Column("amount", INT), Column("ship_to", ADDRESS)),
    ("shop", "items"): (Column("item_id", INT), Column("label", TEXT), Column("tags", array_of(TEXT))),
    ("shop", "words"): (Column("select", INT), Column("a b", TEXT), Column("rec", struct_of(("from", INT)))),
    ("other", "visits"): (Column("visit_id", INT),),
}


class Heard:
    """Names that were heard before: project `acme-x`, default dataset `shop`."""

    def __init__(self):
        self.saved = SavedQueries()
        self.saved.save("big", "SELECT order_id, amount * 1.5 AS more FROM orders")

    def projects(self):
        return ("acme-x",)

    def datasets(self, project=None):
        return ("other", "shop") if project in (None, "acme-x") else ()

    def tables(self, dataset=None, project=None):
        return tuple(sorted(table for home, table in SCHEMAS if home == (dataset or "shop")))

    def columns(self, path):
        return SCHEMAS.get((("shop", *path) if len(path) == 1 else path)[-2:], ())


def at(text, variables=None):
    before, _, after = text.partition("|")
    line = before.count("\n")
    column = len(before) - (before.rfind("\n") + 1)
    context = CompletionContext("", before + after, column, line, None)
    return complete(context, Heard(), variables or {})


def texts(sql, variables=None, first="%%bpsql df <<"):
    _, found = at(f"{first}\n{sql}", variables)
    return [text for text, _ in found]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT am| FROM orders", ["amount"]),
        ("SELECT o.| FROM shop.orders AS o", ["order_id", "amount", "ship_to"]),
        ("SELECT o.AM| FROM orders o", ["amount"]),
        ("SELECT i.| FROM orders o JOIN items i USING (x)", ["item_id", "label", "tags"]),
        ("SELECT ship_to.| FROM orders", ["city", "place"]),
        ("SELECT o.ship_to.place.| FROM orders o", ["lat"]),
        ("SELECT * FROM | WHERE x = 1", ["items", "orders", "words", "other", "shop", "acme-x"]),
        ("SELECT * FROM orders o, it|", ["items"]),
        ("SELECT * FROM other.|", ["visits"]),
        ("SELECT * FROM `acme-x.other.|", ["visits"]),
        ("SELECT * FROM acme-x.o|", ["other"]),
        ("SELECT * FROM `acme-x.shop.ord|` LIMIT 1", ["orders", "words"]),
        ("WITH c AS (SELECT amount AS total, o.* FROM orders o) SELECT tot| FROM c", ["total"]),
        ("WITH c AS (SELECT label AS l, i.* FROM items i) SELECT c.| FROM c", ["l", "item_id", "label", "tags"]),
        ("WITH recent AS (SELECT 1) SELECT * FROM rec|", ["recent"]),
        ("WITH a AS (SELECT order_id FROM orders), b AS (SELECT * FROM a) SELECT b.| FROM b", ["order_id"]),
        ("SELECT s.| FROM (SELECT label AS name FROM items) AS s", ["name"]),
        ("SELECT (SELECT MAX(i.|) FROM items i WHERE i.k = o.k) FROM orders o", ["item_id", "label", "tags"]),
        ("SELECT (SELECT o.am| FROM items i) FROM orders o", ["amount"]),
        ("SELECT amount FROM orders UNION ALL SELECT lab| FROM items", ["label"]),
        ("SELECT 'x FROM items' AS t, o.| FROM orders o", ["order_id", "amount", "ship_to"]),
        ("SELECT o.order_id FROM orders o -- FROM items i\nWHERE i.|", []),
        ("SELECT 'am| FROM orders", []),
        ("SELECT a| FROM words", ["`a b`"]),
        ("SELECT w.| FROM words AS w", ["`select`", "`a b`", "rec"]),
        ("SELECT w.rec.| FROM words AS w", ["`from`"]),
        ("SELECT `s| FROM words", ["select"]),
        ("SELECT `s|` FROM words", ["select"]),
        ("SELECT `a b`, `a | FROM words", ["a b"]),
        ("SELECT w.`| FROM words AS w", ["select", "a b", "rec"]),
        ("SELECT 1 FROM words WHERE rec.`f|", ["from"]),
    ],
)  # fmt: skip
def test_names_in_scope(sql, expected):
    assert [text for text in texts(sql) if text.islower()] == expected


def test_pipe_syntax_has_a_scope_too():
    before = "%%bpsql\nFROM orders |> WHERE am"
    context = CompletionContext("", before, len("FROM orders |> WHERE am"), 1, None)
    assert ("amount", "INT64") in complete(context, Heard(), {})[1]


def test_what_is_offered_says_what_it_is():
    assert ("ship_to", "STRUCT<city STRING, place STRUCT<lat FL…") in at("%%bpsql\nSELECT sh| FROM orders")[1]
    assert ("orders", "table") in at("%%bpsql\nSELECT * FROM o|")[1]
    assert ("other", "dataset") in at("%%bpsql\nSELECT * FROM o|")[1]
    assert ("GROUP", "keyword") in at("%%bpsql\nSELECT 1 gr|")[1]


def test_variables_after_the_at_sign():
    variables = {"since": 1, "Since2": "x", "_hidden": 1, "print": print, "other": 2}
    assert texts("SELECT @si|", variables) == ["since", "Since2"]
    assert texts("SELECT @@si|", {"since": 1}) != ["since"]


def test_options_of_the_first_line():
    assert "--max_staleness" in [text for text, _ in at("%%bpsql df << --max|\nSELECT 1")[1]]
    assert at("%%bpsql --route |\nSELECT 1")[1] == [("auto", "value"), ("local", "value"), ("bigquery", "value")]
    assert at("%%bpsql --to p|\n")[1] == [("pandas", "value"), ("polars", "value")]


def test_line_magics():
    assert ("amount", "INT64") in at("x = %bpsql FROM orders o JOIN items i ON o.am|")[1]
    assert "--route" in [text for text, _ in at("%bpsql --ro|")[1]]
    assert [text for text, _ in at("%bp_rebalance ord|")[1]] == ["orders", "words"]
    assert [text for text, _ in at("%bp_pin other.|")[1]] == ["visits"]
    assert [text for text, _ in at("%bp_tables vis|")[1]] == []
    assert [text for text, _ in at("%bp_forget orde|")[1]] == ["orders"]


def test_options_of_the_other_magics():
    assert at("%bp_rebalance orders --d|")[1] == [("--dry-run", "option")]
    assert [text for text, _ in at("%bp_history --|")[1]] == ["--insert", "--max_results"]
    assert at("%bp_purge -|")[1] == [("--yes", "option")]


def test_other_cells_are_left_alone():
    assert at("import |") is None
    assert at("%%time\nSELECT o.| FROM orders o") is None


def test_no_names_are_no_error():
    assert texts("SELECT x.| FROM nowhere x") == []
    assert texts("SELECT * FROM no.such.|") == []
    assert texts("))]}SELECT ((( `a.|") == []


def kinds(sql, first="%%bpsql"):
    return dict(at(f"{first}\n{sql}")[1])


@pytest.fixture
def ready(analyzer):
    """Google's analyzer is, so types are known."""


def test_what_is_being_written_names_nothing_yet():
    assert texts("SELECT * FROM orders WH|") == ["WHERE", "WHEN"]
    assert "o" not in texts("SELECT * FROM orders o|")
    assert "amo" not in texts("SELECT amo| FROM orders")


def test_what_begins_so_comes_before_what_has_it_inside():
    def names(sql):
        return [text for text in texts(sql) if text.islower()]

    assert texts("SELECT id| FROM orders") == ["order_id"]
    assert names("SELECT or| FROM orders, words") == ["order_id", "orders", "words"]
    assert names("SELECT d| FROM orders") == []


@pytest.mark.parametrize(
    ("sql", "name", "kind"),
    [
        ("WITH c AS (SELECT COUNT(*) AS n, MAX(label) AS m FROM items) SELECT c.| FROM c", "n", "INT64"),
        ("WITH c AS (SELECT COUNT(*) AS n, MAX(label) AS m FROM items) SELECT c.| FROM c", "m", "STRING"),
        (
            "WITH a AS (SELECT 1.5 AS x), b AS (SELECT x, 'it''s)' AS y FROM a) SELECT * FROM b WHERE b.|",
            "x",
            "FLOAT64",
        ),
        ("SELECT s.| FROM (SELECT item_id / 2 AS half FROM items) AS s", "half", "FLOAT64"),
        ("WITH a AS (SELECT DATE '2024-01-01' AS d) SELECT s.| FROM (SELECT d FROM a) AS s", "d", "DATE"),
        ("WITH a AS (SELECT @least AS d, label FROM items) SELECT a.| FROM a", "label", "STRING"),
    ],
)
def test_what_a_subquery_gives_has_its_true_type(ready, sql, name, kind):
    assert kinds(sql)[name] == kind


def test_what_is_not_whole_still_has_its_names(ready):
    assert list(kinds("WITH a AS (SELECT label AS l, no_such(( AS m FROM items) SELECT a.| FROM a")) != []
    assert "total" in kinds("WITH c AS (SELECT amount AS total FROM nowhere) SELECT c.| FROM c")


@pytest.mark.parametrize(
    ("sql", "there", "not_there"),
    [
        ("SELECT DATE_TRUNC(day, | FROM orders", ["MONTH", "ISOWEEK", "WEEK(MONDAY)"], ["HOUR", "amount"]),
        ("SELECT TIMESTAMP_TRUNC(at, H|", ["HOUR"], ["HAVING"]),
        ("SELECT DATE_DIFF(a, b, |", ["QUARTER"], ["SECOND"]),
        ("SELECT DATE_DIFF(a, | FROM orders", ["amount"], ["QUARTER"]),
        ("SELECT EXTRACT(D|", ["DAYOFWEEK", "DATE"], ["DATE_ADD"]),
        ("SELECT EXTRACT(DAY FROM a| FROM orders", ["amount"], ["DAYOFWEEK"]),
        ("SELECT DATE_ADD(day, INTERVAL 7 |", ["DAY"], ["amount"]),
        ("SELECT a - INTERVAL -1 M|", ["MONTH", "MINUTE"], ["MAX"]),
        ("SELECT CAST(amount AS N|", ["NUMERIC"], ["NULLIF"]),
        ("SELECT SAFE_CAST(amount + 1 AS |", ["INT64", "BIGNUMERIC"], ["amount"]),
    ],
)
def test_parts_of_dates_and_types_stand_alone_where_they_stand(sql, there, not_there):
    offered = texts(sql)
    assert [word for word in there if word not in offered] == []
    assert [word for word in not_there if word in offered] == []


def test_saved_queries_are_names_after_with_and_tables_of_their_cell(ready):
    assert at("%%bpsql --with b|\nSELECT 1")[1] == [("big", "saved query")]
    assert at("%%bpsql --with |\nSELECT 1")[1] == [("big", "saved query")]
    assert kinds("SELECT * FROM bi|", first="%%bpsql --with big") == {"big": "cte"}
    assert kinds("SELECT b.| FROM big AS b", first="%%bpsql --with big") == {"order_id": "INT64", "more": "FLOAT64"}
    assert (
        kinds("WITH c AS (SELECT 1 AS one) SELECT b.| FROM big AS b", first="%%bpsql --with big")["more"] == "FLOAT64"
    )
    assert kinds("SELECT * FROM bi|", first="%%bpsql --with nope") == {}


@pytest.mark.parametrize(
    "sql", ["SELECT 'pri", "SELECT 1 AS x -- imp", "SELECT os.pa", "SELECT zzz", "SELECT * FROM nowhere."]
)
def test_no_python_and_no_file_is_offered_in_sql(shell, sql):
    from IPython.core.completer import provisionalcompleter

    shell.user_ns["zzz_mine"] = 1
    text = f"%%bpsql\n{sql}"
    with provisionalcompleter():
        assert list(shell.Completer.completions(text, len(text))) == []
        assert [c.text for c in shell.Completer.completions("zzz_", 4)] == ["zzz_mine"]
