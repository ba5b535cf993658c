"""`%%bpsql` and its companions in a real IPython shell, on a real client and the demo warehouse."""

from __future__ import annotations

import pickle
import re
import signal
import threading

import pandas as pd
import pytest

from bigpato_magic.errors import (
    BigPatoError,
    Cancelled,
    ConfigurationError,
    ParameterError,
    PermissionDenied,
    QueryError,
    RouteRefused,
    TableNotFound,
)

BY_COUNTRY = "SELECT country, COUNT(*) AS n FROM orders GROUP BY country ORDER BY country"


@pytest.fixture
def local(cell):
    """The orders are here."""
    done = cell("%bp_rebalance orders")
    assert done.error is None, done.text
    return done


# ------------------------------------------------------------------------------------- where it goes


def test_a_cell_shows_its_result_with_a_footnote(cell, shell):
    done = cell(f"%%bpsql\n{BY_COUNTRY}")
    assert done.error is None
    assert isinstance(shell.user_ns["_"], pd.DataFrame)
    assert list(done.result["n"]) == [50, 50]
    data, metadata = done.result._repr_mimebundle_()
    assert "orders is not local yet" in data["text/plain"]
    assert "<table" in data["text/html"]
    assert "<details" in data["text/html"]
    assert metadata["bigpato"]["route"] == "bigquery"
    assert metadata["bigpato"]["reasons"] == ["not-local"]


def test_a_name_takes_the_result_and_only_the_footnote_is_shown(cell, shell):
    done = cell(f"%%bpsql df <<\n{BY_COUNTRY}")
    assert done.result is None
    assert type(shell.user_ns["df"]) is pd.DataFrame
    assert done.plain.startswith("df ← BigQuery · ")
    assert "<table" not in done.html
    assert done.outputs[0].metadata["bigpato"]["route"] == "bigquery"


def test_an_assignment_takes_it_and_shows_it(cell, shell):
    done = cell(f"%%bpsql df = <<\n{BY_COUNTRY}")
    assert type(shell.user_ns["df"]) is pd.DataFrame
    assert list(done.result["n"]) == list(shell.user_ns["df"]["n"])


def test_bigquerys_way_to_name_the_result(cell, shell):
    cell(f"%%bpsql df --no_query_cache\n{BY_COUNTRY}")
    assert len(shell.user_ns["df"]) == 2


def test_one_line_gives_its_frame_to_python(cell, shell):
    done = cell("x = %bpsql --route bigquery SELECT 1 << 2 AS y\nprint(x.y[0])")
    assert done.error is None
    assert done.text.strip() == "4"


def test_what_is_computed_from_a_shown_frame_is_plain(cell):
    shown = cell(f"%%bpsql\n{BY_COUNTRY}").result
    for frame in (shown.head(1), shown[["n"]], shown.copy(), pickle.loads(pickle.dumps(shown))):
        assert type(frame) is pd.DataFrame
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(shown)), pd.DataFrame(shown))


@pytest.mark.parametrize(("to", "module"), [("arrow", "pyarrow.lib"), ("polars", "polars"), ("duckdb", "duckdb")])
def test_other_kinds_of_frame(cell, shell, to, module):
    if to == "polars":
        pytest.importorskip("polars")
    done = cell(f"%%bpsql out << --to {to}\n{BY_COUNTRY}")
    assert done.error is None
    value = shell.user_ns["out"]
    assert type(value).__module__.lstrip("_").startswith(module.split(".")[0])
    rows = {"arrow": lambda: value.num_rows, "polars": lambda: value.height, "duckdb": lambda: len(value.fetchall())}
    assert rows[to]() == 2


def test_max_results_keeps_the_first_rows_and_says_so(cell, shell):
    done = cell("%%bpsql df << --max_results 3\nSELECT * FROM orders ORDER BY order_id")
    assert list(shell.user_ns["df"]["order_id"]) == [1, 2, 3]
    assert "first 3 of 100 rows" in done.plain


def test_a_large_result_is_shown_in_part_and_kept_whole(cell):
    shown = cell("%%bpsql\nSELECT * FROM orders").result
    assert len(shown) == 100
    assert len(shown._repr_mimebundle_()[0]["text/html"].split("<tr")) < 70


def test_a_trailing_semicolon_and_odd_comments_are_sql(cell, shell):
    done = cell("%%bpsql df <<\nSELECT \"it's {x} $y\" AS a -- don't {x} $y;\n;")
    assert done.error is None
    assert shell.user_ns["df"]["a"][0] == "it's {x} $y"


def test_no_footnote_where_none_is_wanted(cell, shell):
    cell("%config BigPato.footnote = False")
    assert "bigpato" not in cell(f"%%bpsql\n{BY_COUNTRY}").result._repr_html_()
    assert cell(f"%%bpsql df <<\n{BY_COUNTRY}").outputs == []


def test_top_level_await_goes_on_around_it(cell, shell):
    done = cell(
        "import asyncio\nnumber = 1\nawait asyncio.sleep(0)\nx = %bpsql SELECT @number AS l\nawait asyncio.sleep(0)"
    )
    assert done.error is None
    assert shell.user_ns["x"]["l"][0] == 1


# ------------------------------------------------------------------------------------- local, and why


def test_the_same_cell_is_local_after_a_rebalance(cell, shell, local):
    before = cell(f"%%bpsql before << --route bigquery\n{BY_COUNTRY}")
    after = cell(f"%%bpsql after <<\n{BY_COUNTRY}")
    assert before.plain.startswith("before ← BigQuery")
    assert after.plain.startswith("after ← local · "), after.plain
    assert "fresh as of" in after.plain
    assert "BigQuery's cache would have had it too" in after.plain
    pd.testing.assert_frame_equal(shell.user_ns["before"], shell.user_ns["after"])


def test_another_question_of_the_same_table_is_not_billed(cell, local):
    cell(f"%%bpsql before << --route bigquery\n{BY_COUNTRY}")
    other = cell(f"%%bpsql other <<\n{BY_COUNTRY} LIMIT 1")
    assert "10.0 MiB not billed" in other.plain


def test_old_rows_are_never_shown(cell, shell, client, local):
    assert cell("%%bpsql a <<\nSELECT COUNT(*) AS n FROM orders").plain.startswith("a ← local")
    client.warehouse.execute("DELETE FROM shop.orders WHERE order_id > 10")
    done = cell("%%bpsql b <<\nSELECT COUNT(*) AS n FROM orders")
    assert shell.user_ns["b"]["n"][0] == 10
    assert done.plain.startswith("b ← BigQuery"), done.plain


def test_explain_says_why_and_runs_nothing(cell, client):
    jobs = len(client.warehouse.jobs)
    done = cell(f"%%bp_explain\n{BY_COUNTRY}")
    assert done.error is None
    assert "It would run on BigQuery." in str(done.result)
    assert "orders is not local yet" in str(done.result)
    assert "DuckDB SQL that would run if the tables were here:" in str(done.result)
    assert "%bp_rebalance orders would bring" in str(done.result)
    assert len(client.warehouse.jobs) == jobs


def test_explain_without_a_query_tells_of_the_last_one(cell, local):
    cell(f"%%bpsql df <<\n{BY_COUNTRY}")
    done = cell("%bp_explain")
    assert "local · " in str(done.result)
    assert "DuckDB SQL:" in str(done.result)


def test_explain_as_an_option_is_the_same(cell):
    assert "It would run on BigQuery." in str(cell(f"%%bpsql --explain\n{BY_COUNTRY}").result)


def test_a_dry_run_prices_both_routes(cell, client, local):
    jobs = len(client.warehouse.jobs)
    done = cell(f"%%bpsql --dry_run\n{BY_COUNTRY}")
    assert "would be billed" in str(done.result)
    assert "local: nothing is billed" in str(done.result)
    assert len(client.warehouse.jobs) == jobs


def test_only_local_or_fail(cell):
    done = cell(f"%%bpsql --route local\n{BY_COUNTRY}")
    assert isinstance(done.error, RouteRefused)
    assert "orders is not local yet" in str(done.error)


# ----------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize("route", ["local", "bigquery"])
def test_parameters_from_variables_and_params(cell, shell, local, route):
    cell("import datetime\nsince = datetime.date(2024, 1, 31)\ncountry = 'FI'")
    sql = "SELECT COUNT(*) AS n, '@since' AS s FROM orders WHERE day >= @since AND country = @country -- @nobody"
    cell(f"%%bpsql a << --route {route}\n{sql}")
    assert (shell.user_ns["a"]["n"][0], shell.user_ns["a"]["s"][0]) == (35, "@since")
    cell(f"%%bpsql b << --params {{'country': 'EE'}} --route {route}\n{sql}")
    assert shell.user_ns["b"]["n"][0] == 36


def test_a_value_is_never_pasted(cell, shell, local):
    cell("name = \"x' OR '1'='1\"")
    cell("%%bpsql df <<\nSELECT COUNT(*) AS n FROM orders WHERE country = @name")
    assert shell.user_ns["df"]["n"][0] == 0


def test_a_functions_own_variables_come_first(cell, shell):
    cell("def ask(v):\n    x = %bpsql SELECT @v AS v\n    return x.v[0]\nseven = ask(7)")
    assert shell.user_ns["seven"] == 7


def test_a_missing_parameter_is_told(cell):
    done = cell("%%bpsql\nSELECT @nobody")
    assert isinstance(done.error, ParameterError)
    assert "@nobody has no value" in str(done.error)


# ------------------------------------------------------------------------------------- saved queries


def test_saved_queries_are_built_upon(cell, shell):
    saved = cell("%%bpsql --save ee --no-execute\nSELECT * FROM orders WHERE country = @c;")
    assert str(saved.result) == "ee is saved: --with ee."
    cell("c = 'EE'")
    assert cell("%%bpsql df << --with ee\nSELECT COUNT(*) AS n FROM ee").error is None
    assert shell.user_ns["df"]["n"][0] == 50


def test_a_query_from_a_file(cell, shell, tmp_path):
    path = tmp_path / "a query.sql"
    path.write_text("SELECT 7 AS n")
    cell(f'%bpsql df << --file "{path}"')
    assert shell.user_ns["df"]["n"][0] == 7


def test_a_value_that_is_wrong_is_told_with_one_spelling_of_its_option(cell):
    told = str(cell("%bpsql --max-staleness soon SELECT 1").error)
    assert told.startswith("--max_staleness: ")
    assert "/" not in told.partition(":")[0]


def test_a_stale_copy_is_as_old_in_an_explanation_as_in_the_status(cell, client, local):
    client.warehouse.execute("DELETE FROM orders WHERE order_id = 1")
    client.check_copies()
    (told,) = client.explain("SELECT MAX(order_id) AS m FROM orders").tables
    row = next(row for row in client.tables() if row.id == told.id)
    assert (told.freshness, told.as_of) == (row.freshness, row.fresh_as_of)
    assert told.as_of == client.tier.copies()[told.id].as_of


def test_a_result_is_printed_in_one_line(client, local):
    told = repr(client.run("SELECT country, COUNT(*) AS n FROM orders GROUP BY country"))
    assert told.startswith("<QueryResult local, ")
    assert told.endswith(" rows of (country STRING, n INT64)>")


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfSELECT 1 AS a\n", b"SELECT 1\r\nAS a\r\n"])
def test_a_file_as_windows_writes_it(cell, tmp_path, content):
    (tmp_path / "q.sql").write_bytes(content)
    assert cell(f"%bpsql --file {tmp_path / 'q.sql'}").result["a"].tolist() == [1]


def test_a_cell_may_begin_with_a_byte_order_mark(cell):
    assert cell("%%bpsql\n\ufeffSELECT 1 AS a").result["a"].tolist() == [1]


def test_none_lifts_the_limit_of_the_setting(cell, client):
    client.maximum_bytes_billed = 1
    assert cell("%%bpsql --route bigquery\nSELECT * FROM orders").error is not None
    lifted = cell("%%bpsql --route bigquery --maximum_bytes_billed None\nSELECT * FROM orders")
    assert lifted.error is None


@pytest.mark.parametrize(
    "statement", ["INSERT INTO items (item_id) VALUES (3)", "CREATE TABLE shop.t AS SELECT 1 AS a"]
)
@pytest.mark.parametrize("to", ["pandas", "arrow"])
def test_a_statement_without_rows_gives_an_empty_frame(cell, shell, statement, to):
    shell.push({"df": "old"})
    cell(f"%%bpsql df << --to {to}\n{statement}")
    assert shell.user_ns["df"].shape == (0, 0)


def test_a_saved_query_stands_before_the_query_of_a_statement(cell, client):
    cell("%%bpsql --save ee --no-execute\nSELECT order_id FROM orders WHERE country = 'EE'")
    assert cell("%%bpsql --with ee\nCREATE TABLE shop.ee AS SELECT * FROM ee").error is None
    assert client.run("SELECT COUNT(*) AS n FROM shop.ee").arrow["n"].to_pylist() == [50]


def test_the_formatter_rewrites_the_cell(cell, shell):
    done = cell("%%bpsql df << --format --route local\nselect a,count(*) n from t -- why\ngroup by a")
    assert done.error is None
    payload = shell.payload_manager.read_payload()
    assert payload == [
        {
            "source": "set_next_input",
            "text": "%%bpsql df << --route local\nSELECT a, COUNT(*) n\nFROM t  -- why\nGROUP BY a",
            "replace": True,
        }
    ] or shell.rl_next_input.startswith("%%bpsql df << --route local\nSELECT a")


# -------------------------------------------------------------------------------------- other magics


def test_a_rebalance_can_be_looked_at_first(cell, client):
    done = cell("%bp_rebalance --dry-run orders")
    assert "1 to promote." in str(done.result)
    assert client.tables() == [] or all(row.where == "bigquery" for row in client.tables())


def test_status_and_demote(cell, local):
    assert "1 promoted." in str(local.result)
    status = str(cell("%bp_status").result)
    assert "1 of 1 used tables are local" in status
    assert "shop.orders" in status
    assert "1 demoted." in str(cell("%bp_demote orders").result)
    assert "0 of" in str(cell("%bp_status").result)


def test_status_of_a_table_is_its_schema(cell, local):
    text = str(cell("%bp_status orders").result)
    assert "100 rows" in text
    assert "amount" in text
    assert "NUMERIC" in text
    assert "local" in text


def test_pinned_tables_are_marked(cell, local):
    assert str(cell("%bp_pin orders").result).endswith(".shop.orders is pinned: its copy stays.")
    assert "pinned" in str(cell("%bp_status").result)
    assert str(cell("%bp_pin items").result).endswith(".shop.items is pinned: %bp_rebalance items brings it now.")
    cell("%bp_unpin orders items")
    assert "pinned" not in str(cell("%bp_status").result)


def test_savings_and_verify(cell, local):
    cell(f"%%bpsql df << --route local\n{BY_COUNTRY}")
    assert "answered here" in str(cell("%bp_savings").result)
    assert cell("%bp_savings --since 2020-01-01").error is None
    done = cell("%bp_verify")
    assert done.error is None
    assert str(done.result).startswith("equal")


def test_damaged_files_are_found_and_taken_away(cell, client, local):
    assert str(cell("%bp_verify --files").result) == "Every file is what it was when it was copied."
    (path,) = [part.path for copy in client.tier.copies().values() for part in copy.parts]
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert path.name in str(cell("%bp_verify --files").result)
    assert not any(row.where == "local" for row in client.tables())


def test_a_rebalance_can_go_on_by_itself(cell, client, local):
    assert cell("%bp_rebalance --auto").error is None
    assert client.tier.auto
    client.tier.auto = False


def test_purge_asks_first(cell, client, local):
    done = cell("%bp_purge")
    assert isinstance(done.error, ConfigurationError)
    assert any(row.where == "local" for row in client.tables())
    assert cell("%bp_purge --yes").error is None
    assert not any(row.where == "local" for row in client.tables())


def test_the_panel_opens(cell):
    done = cell("%bp_panel")
    assert done.error is None
    assert type(done.result).__name__ == "Panel"
    done.result.close()


def test_settings_are_ipythons(cell, client, shell):
    cell("%config BigPato.route = 'local'")
    assert client.route == "local"
    assert isinstance(cell(f"%%bpsql\n{BY_COUNTRY}").error, RouteRefused)
    for section in ("BigPato", "Tier", "FreshnessPolicy", "LocalEngine"):
        assert section in cell(f"%config {section}").text


def test_another_client_can_be_used(cell, shell, client):
    shell.push({"other": client, "number": 1})
    assert cell("%bp_use other").error is None
    assert isinstance(cell("%bp_use number").error, ConfigurationError)


# ------------------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("%%bpsql\nSELECT FROM orders", QueryError, ""),
        ("%%bpsql\nSELECT * FROM nowhere", TableNotFound, "nowhere"),
        ("%%bpsql\nSELECT nothing FROM orders", QueryError, "nothing"),
        ("%%bpsql --rout local\nSELECT 1", ConfigurationError, "did you mean --route?"),
        ("%%bpsql --use_legacy_sql\nSELECT 1", ConfigurationError, "legacy SQL"),
        ("%%bpsql class <<\nSELECT 1", ConfigurationError, "name of a variable"),
        ("%%bpsql\n  ", ConfigurationError, "there is no query"),
        ("%%bpsql --with nobody\nSELECT 1", ConfigurationError, "no such saved query"),
        ("%bpsql --file /nowhere.sql", ConfigurationError, "cannot be read"),
        ("%%bpsql\n-- SELECT 1", ConfigurationError, "there is no query"),
        ("%%bpsql --params\nSELECT 1", ConfigurationError, "--params: a value is missing"),
        ("%%bpsql df << --params --to arrow\nSELECT 1", ConfigurationError, "--params: a value is missing"),
        ("%%bpsql --to polars\nSELECT BIGNUMERIC '1' AS b", ConfigurationError, "polars has no type for b"),
        ("%%bpsql --params $nobody\nSELECT @x", ParameterError, "no such variable"),
        ("%bp_rebalance --nonsense", ConfigurationError, "no option --nonsense"),
        ("%bp_pin", ConfigurationError, "which tables?"),
        ("%bp_savings --since soon", ConfigurationError, "no date"),
        ("%bp_explain", ConfigurationError, "no query has run yet"),
        ("%bp_status nowhere", BigPatoError, "nowhere"),
    ],
)
def test_a_mistake_is_one_card_and_a_failed_cell(cell, text, error, words):
    done = cell(text)
    assert isinstance(done.error, error), done.error
    assert words in str(done.error)
    assert "Traceback" not in done.text
    assert len(done.text.strip().splitlines()) <= 5


def test_a_syntax_error_has_its_line_and_a_caret(cell):
    done = cell("%%bpsql\nSELECT country\nFROM orders\nWHER x = 1")
    assert isinstance(done.error, QueryError)
    lines = done.text.splitlines()
    caret = next(index for index, line in enumerate(lines) if line.strip("| ").strip() == "^" or line.endswith("^"))
    assert "| " in lines[caret - 1]


def test_no_permission_is_told(cell, client):
    client.warehouse.faults.set("query:403")
    done = cell(f"%%bpsql\n{BY_COUNTRY}")
    assert isinstance(done.error, PermissionDenied)
    client.warehouse.faults.clear()


def test_a_failed_cell_changes_no_variable(cell, shell):
    cell("df = 1")
    cell("%%bpsql df <<\nSELECT * FROM nowhere")
    assert shell.user_ns["df"] == 1


def test_an_interrupt_cancels_the_job(cell, client):
    import _thread

    # A process that a shell starts in the background ignores Ctrl-C, the tests' own perhaps too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    client.warehouse.pace.latency = 30.0
    threading.Timer(0.5, _thread.interrupt_main).start()
    done = cell("%%bpsql --route bigquery\nSELECT 1")
    client.warehouse.pace.latency = 0.0
    signal.signal(signal.SIGINT, before)
    assert isinstance(done.error, Cancelled)
    assert "Traceback" not in done.text
    assert cell("%%bpsql --route bigquery\nSELECT 1").error is None


def test_verbose_shows_the_same_table_with_all_that_is_known_below_it(cell):
    query = "SELECT * FROM UNNEST([STRUCT(NUMERIC '1.50' AS n, CAST(NULL AS STRING) AS s)])"
    frames = [cell(f"%%bpsql{words}\n{query}").result for words in ("", " --verbose")]
    plain, verbose = (frame._repr_mimebundle_()[0] for frame in frames)
    row = ["0", "1.5", "NULL"]
    assert [data["text/plain"].splitlines()[1].split() for data in (plain, verbose)] == [row, row]
    assert re.search(r"<details[^>]* open", verbose["text/html"])
    assert not re.search(r"<details[^>]* open", plain["text/html"])


TWO = "%%bpsql\nSELECT COUNT(*) AS n FROM orders;\n\nSELECT label FROM items ORDER BY label -- the end;\n;"


def test_every_query_of_a_cell_is_shown_with_its_footnote(cell):
    ran = cell(TWO)
    assert ran.error is None
    (first,) = ran.outputs
    assert "100" in first.data["text/plain"].splitlines()[1]
    assert "BigQuery · " in first.data["text/plain"]
    assert ran.result["label"].tolist() == ["duck", "query"]


def test_each_query_of_a_cell_runs_where_it_is_cheapest(cell, client):
    client.promote("orders")
    ran = cell(TWO)
    assert ran.outputs[0].data["text/plain"].splitlines()[-1].startswith("local")
    assert client.savings().local >= 1


def test_the_variable_takes_the_last_answer_and_the_others_are_shown(cell, shell):
    ran = cell(TWO.replace("%%bpsql", "%%bpsql df <<"))
    assert shell.user_ns["df"]["label"].tolist() == ["duck", "query"]
    assert "100" in ran.outputs[0].data["text/plain"]
    assert len(ran.outputs) == 2


def test_an_error_tells_the_line_of_the_cell_and_what_was_answered_before_it_stays(cell):
    ran = cell("%%bpsql\nSELECT 1 AS a; SELECT 2 AS b;\nSELECT\n  nope FROM orders")
    assert (ran.error.line, ran.error.column) == (3, 3)
    assert len(ran.outputs) == 2


def test_values_are_bound_in_each_and_one_that_is_missing_stops_all(cell, shell):
    shell.user_ns["least"] = 99
    ran = cell("%%bpsql\nSELECT COUNT(*) AS n FROM orders WHERE amount >= @least; SELECT @least + 1 AS more")
    assert ran.result["more"].tolist() == [100]
    ran = cell("%%bpsql\nSELECT 1 AS a; SELECT @missing_one AS b")
    assert (ran.outputs, type(ran.error).__name__) == ([], "ParameterError")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE shop.t AS SELECT 1 AS a; SELECT a FROM shop.t",
        "CREATE TEMP FUNCTION one() AS (1); SELECT one() AS a",
        "SELECT ';' AS a",
    ],
)
def test_a_script_is_one_text(cell, client, sql):
    ran = cell(f"%%bpsql\n{sql}")
    assert ran.error is None, ran.error
    assert client.last.sql.strip() == sql


def test_every_statement_of_a_script_is_shown_with_what_it_billed(cell, client):
    ran = cell(
        "%%bpsql\nCREATE TABLE shop.t AS SELECT 7 AS a;\nSELECT COUNT(label) AS n FROM items;\nSELECT a FROM shop.t;"
    )
    assert ran.error is None, ran.error
    made, counted = (output.data["text/plain"] for output in ran.outputs)
    assert "BigQuery" in made
    assert "2" in counted.splitlines()[1]
    assert "10.0 MiB billed" in counted
    assert ran.result["a"].tolist() == [7]
    assert [one.statement for one in client.last.statements] == ["CREATE_TABLE_AS_SELECT", "SELECT", "SELECT"]


def test_a_script_that_ends_with_a_change_shows_what_it_has_read(cell):
    ran = cell("%%bpsql\nSELECT label FROM items; INSERT INTO items (item_id) VALUES (3)")
    assert "duck" in ran.outputs[0].data["text/plain"]
    assert ran.result is None
