"""What a person is told where something is wrong, or away: what is here, what was meant, what would have happened."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime

import pytest
from traitlets.config import Config

from bigpato_magic.errors import ConfigurationError, CredentialsError, QueryError, RouteRefused, TableNotFound
from bigpato_magic.errors import WarehouseUnavailable as Unavailable
from bigpato_magic.notebook.extension import misspelt
from bigpato_magic.notebook.footnote import KEYS, Note, clock, time_html
from bigpato_magic.notebook.view import static_html
from bigpato_magic.traits import format_instant
from bigpato_magic.types import Compiled, QueryResult, Reason, RunLocal, RunOnBigQuery

COUNT = "SELECT COUNT(*) AS n FROM orders"
INSTANT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (UTC|[+-]\d\d:\d\d)"


@pytest.fixture
def away(cell, client):
    """`orders` is here, its check has passed once, and then the network went."""
    cell("%bp_rebalance orders")
    assert cell(f"%bpsql {COUNT}").error is None
    with client.warehouse.faults.during("network:away"):
        yield client


# --------------------------------------------------------------------------------------------- offline


def test_an_error_offline_names_the_copy_its_instant_and_the_option_that_answers_from_it(away, cell):
    error = cell(f"%bpsql {COUNT}").error
    assert isinstance(error, Unavailable)
    assert re.match(rf"a copy of orders is here, as of {INSTANT}: --offline answers from it", error.hint)


def test_the_option_that_is_named_answers(away, cell):
    ran = cell(f"%bpsql --offline {COUNT}")
    assert ran.error is None, ran.error
    assert ran.result["n"].tolist() == [100]
    assert re.search(rf"not verified since {INSTANT}", ran.text)
    assert away.run(COUNT, offline=True).unverified_since is not None


def test_the_setting_answers_all_queries_and_the_option_only_one(away, cell):
    assert cell(f"%bpsql --offline {COUNT}").error is None
    assert isinstance(cell(f"%bpsql {COUNT}").error, Unavailable)
    assert cell(f"%config FreshnessPolicy.offline = True\n%bpsql {COUNT}").error is None


def test_offline_asks_while_bigquery_can_be_reached(cell, client):
    cell("%bp_rebalance orders")
    client.warehouse.execute("DELETE FROM shop.orders WHERE order_id = 1")
    ran = cell(f"%bpsql --offline {COUNT}")
    assert ran.result["n"].tolist() == [99]
    assert "not verified" not in ran.text


def test_what_is_known_to_have_changed_does_not_answer_offline(away, cell, client):
    client.warehouse.faults.clear()
    cell("%bpsql INSERT INTO orders (order_id) VALUES (1000)")
    client.warehouse.faults.set("network:away")
    error = cell(f"%bpsql --offline {COUNT}").error
    assert isinstance(error, Unavailable)
    assert "changed by your own INSERT" in error.hint


def test_a_local_route_offline_names_the_way_out_too(away, cell):
    error = cell(f"%bpsql --route local {COUNT}").error
    assert isinstance(error, RouteRefused)
    assert "--offline answers from it" in error.hint


def test_a_query_that_only_the_evaluator_runs_has_the_same_way_out(away, cell):
    error = cell("%bpsql SELECT SOUNDEX(CAST(MAX(order_id) AS STRING)) AS s FROM orders").error
    assert isinstance(error, Unavailable)
    assert re.match(r"a copy of orders is here", error.hint)
    text = str(cell("%bp_explain SELECT SOUNDEX(CAST(MAX(order_id) AS STRING)) AS s FROM orders").result)
    assert "--offline answers from it" in text
    assert "no faithful local form" not in text


def test_a_script_reads_the_way_out_in_the_errors_text(away):
    with pytest.raises(Unavailable, match=r"offline=True"):
        away.run(COUNT)


@pytest.mark.parametrize("query", ["SELECT COUNT(*) FROM items", "SELECT COUNT(*) FROM items, orders"])
def test_where_no_copy_can_answer_the_error_says_why(away, cell, query):
    assert cell(f"%bpsql {query}").error.hint == "no copy can answer in its place: items is not local yet"


def test_a_statement_that_changes_something_is_not_promised_an_answer(away, cell):
    assert "copy" not in cell("%bpsql DELETE FROM orders WHERE TRUE").error.hint


def test_an_explanation_offline_says_that_it_would_fail_and_the_way_out(away, cell):
    text = str(cell(f"%bp_explain {COUNT}").result)
    assert text.startswith("It would fail: The network is away.")
    assert "--offline answers from it" in text
    assert str(cell(f"%bpsql --offline --explain {COUNT}").result).startswith("It would run locally")


# ---------------------------------------------------------------------------------------- explanations


@pytest.mark.parametrize("here", [False, True])
@pytest.mark.parametrize(
    ("query", "place", "words"),
    [
        ("SELECT order_id,\n  nosuch\nFROM orders", "line 2, column 3", "Unrecognized name: nosuch"),
        ("SELECT order_id\nFROM orders GROUP BY", "line 2, column 21", "Syntax error"),
        ("SELECT 1 +", "line 1, column 1", "Syntax error"),
        ("SELECT *\nFROM orderz", "line 2, column 6", "orderz was not found"),
        ("SELECT *\nFROM shp.orders", "line 2, column 6", "shp was not found"),
        ("SELECT NOSUCH(order_id) FROM orders", "line 1, column 8", "NOSUCH"),
    ],
)
def test_an_explanation_of_a_wrong_query_says_that_it_would_fail_and_where(cell, query, place, words, here):
    if here:
        cell("%bp_rebalance orders")
    headline = str(cell(f"%%bp_explain\n{query}").result).splitlines()[0]
    assert headline.startswith(f"It would fail at {place}")
    assert words.lower() in headline.lower()
    assert cell(f"%%bpsql\n{query}").error is not None
    assert isinstance(cell(f"%%bpsql --dry_run\n{query}").error, QueryError)


def test_an_explanation_of_a_wrong_query_offline_has_the_analyzers_word(away, cell):
    text = str(cell("%%bp_explain\nSELECT nosuch FROM orders").result)
    assert text.startswith("It would fail at line 1, column 8: Unrecognized name: nosuch")


def test_an_explanation_of_a_query_over_the_limit_says_that_it_would_fail(cell, client):
    text = str(cell(f"%bpsql --explain --maximum_bytes_billed 1KiB {COUNT}").result)
    assert text.startswith("It would fail: 10.0 MiB would be billed, more than the limit of 1.0 KiB.")


def test_a_right_script_is_not_called_wrong(cell):
    text = str(cell("%%bp_explain\nSELECT 1; SELECT 2").result)
    assert text.startswith("It would run on BigQuery.")
    assert "Syntax error" not in text


def test_a_refusal_is_what_running_would_meet(cell, client):
    client.warehouse.faults.set("query:403")
    assert str(cell(f"%bp_explain {COUNT}").result).startswith("It would fail: Access Denied")


# ----------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("%bpsql SELECT * FROM orderz", "did you mean orders?"),
        ("%bpsql SELECT * FROM ORDERS", "did you mean orders?"),
        ("%bpsql SELECT * FROM shop.item", "did you mean items?"),
        ("%bpsql SELECT * FROM shp.orders", "did you mean shop?"),
        ("%bp_pin orderz", "did you mean orders?"),
        ("%bp_status orderz", "did you mean orders?"),
    ],
)
def test_a_table_that_is_not_there_suggests_near_names(cell, line, hint):
    error = cell(line).error
    assert isinstance(error, TableNotFound)
    assert error.hint == hint
    assert not line.startswith("%bpsql") or "^" in error.excerpt()[1]


def test_a_table_of_another_dataset_is_named(cell, client):
    client.warehouse.execute("CREATE SCHEMA other")
    cell("%bp_rebalance orders")
    assert cell("%bpsql --dataset other SELECT * FROM orders").error.hint == "did you mean shop.orders?"


def test_a_frame_of_that_name_is_told(cell):
    cell("import pandas\nsales = pandas.DataFrame({'a': [1]})\nordars = sales")
    assert "sales is a pandas DataFrame of this notebook" in cell("%bpsql SELECT * FROM sales").error.hint
    assert re.match("did you mean orders.*ordars is a pandas", cell("%bpsql SELECT * FROM ordars").error.hint)
    assert "sales is a pandas" in str(cell("%bp_explain SELECT * FROM sales").result)


def test_pinning_what_is_not_there_complains_and_pins_nothing(cell, client):
    assert isinstance(cell("%bp_pin nosuch").error, TableNotFound)
    assert isinstance(cell("%bp_pin orders nosuch").error, TableNotFound)
    assert not client.tier.preferences.pinned()
    assert cell("%bp_pin orders").error is None
    assert "items was not pinned" in str(cell("%bp_unpin items").result)
    assert str(cell("%bp_unpin orders").result) == "orders is left to the policy again."


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%config BigPato.projct = 'x'", "did you mean project?"),
        ("%config BigPato.projct", "did you mean project?"),
        ("%config BigPato.max_staleness = '1 day'", "did you mean FreshnessPolicy.max_staleness?"),
        ("%config FreshnessPolicy.ofline = True", "did you mean offline?"),
        ("%config Tier.bugdet = '1 GiB'", "did you mean budget?"),
        ("%config BigPto.project = 'x'", "did you mean BigPato?"),
        ("%config BigPato.route = 'locl'", "BigPato.route was not set"),
        ("%config Tier.budget = 'lots'", "Tier.budget was not set"),
        ("%config BigPato.project = acme", "a text stands in quotes"),
    ],
)
def test_a_setting_that_nobody_reads_and_a_value_that_does_not_fit_complain(cell, client, line, words):
    error = cell(line).error
    assert isinstance(error, ConfigurationError)
    assert words in str(error)


def test_a_right_setting_is_set_and_read(cell, client):
    assert cell("%config Tier.budget = '3 GiB'").error is None
    assert client.tier.budget == 3 * 2**30
    assert cell("%config BigPato.dataset").result == "shop"
    assert cell("least = 'other'\n%config BigPato.dataset = least").error is None
    assert client.dataset == "other"


def test_a_misspelt_setting_of_the_constructor_and_of_the_configuration_is_told(shell):
    from bigpato_magic import BigPato

    with pytest.raises(ConfigurationError, match="did you mean project"):
        BigPato(projct="x")
    before, shell.config = shell.config, Config({"BigPato": {"projct": "x"}, "Tier": {"budget": "1 GiB"}})
    try:
        assert [line for line in misspelt(shell) if "projct" in line and "did you mean project?" in line]
        assert not [line for line in misspelt(shell) if "budget" in line]
    finally:
        shell.config = before


def test_without_credentials_the_card_names_the_demo(monkeypatch, tmp_path):
    from google.auth import default, exceptions

    from bigpato_magic.warehouse import credentials

    def none(**_):
        raise exceptions.DefaultCredentialsError

    assert callable(default)
    monkeypatch.setattr("google.auth.default", none)
    with pytest.raises(CredentialsError, match=r"demo\.start\(\)"):
        credentials.from_environment()


def test_a_client_without_credentials_shows_what_it_is_called(cell, monkeypatch, tmp_path):
    from google.auth import exceptions

    def none(**_):
        raise exceptions.DefaultCredentialsError

    monkeypatch.setattr("google.auth.default", none)
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    done = cell(f"from bigpato_magic import BigPato\nBigPato(project='acme', directory={str(tmp_path / 'other')!r})")
    assert done.error is None
    assert "<BigPato acme>" in done.text + done.plain
    assert "Error" not in done.text + done.plain + done.html


def test_config_lists_settings_with_their_units(cell):
    told = cell("%config Tier").text
    assert "Tier options\n" in told
    assert "Tier.budget=<Size>" in told
    assert "Current: 20.0 GiB" in told
    assert "Tier.pinned=<list>\n" in told
    assert "BigPato options\n" in cell("%config BigPato").text


# ------------------------------------------------------------------------------------------- footnotes


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("INSERT INTO items VALUES (3, 'a'), (4, 'b'), (5, 'c')", "3 rows inserted"),
        ("UPDATE items SET label = 'z' WHERE item_id = 1", "1 row updated"),
        ("DELETE FROM items WHERE item_id > 1000", "0 rows deleted"),
        (
            "MERGE items i USING (SELECT 9 AS id) s ON i.item_id = s.id WHEN NOT MATCHED THEN INSERT (item_id) VALUES (9)",
            "1 row changed",
        ),
    ],
)
def test_rows_that_a_statement_changed_are_told(cell, statement, words):
    assert f" · {words} · " in cell(f"%bpsql {statement}").plain


def test_a_statement_that_changes_no_rows_tells_none(cell):
    assert "rows" not in cell("%bpsql CREATE TABLE shop.empty (a INT64)").plain


def test_instants_carry_their_date_and_zone_for_people_and_machines(cell, client):
    at = datetime(2024, 1, 31, 14, 3, 22, tzinfo=UTC)
    assert re.fullmatch(INSTANT, format_instant(at))
    assert clock(at) in time_html(at)
    machine = re.search(r'<time datetime="([^"]+)">', time_html(at))[1]
    assert datetime.fromisoformat(machine) == at
    cell("%bp_rebalance orders")
    ran = cell(f"%bpsql {COUNT}")
    assert re.search(rf"fresh as of {INSTANT}", ran.text)
    page = ran.result._repr_mimebundle_()[0]["text/html"]
    assert re.search(rf'fresh as of <time datetime="[^"]+">{INSTANT}</time>', page)
    for line in ("%bp_status", "%bp_status orders", f"%bp_explain {COUNT}", "%bp_explain"):
        assert re.search(rf"fresh as of {INSTANT}", str(cell(line).result)), line
    assert re.search(rf"as of {INSTANT}", static_html(client))


@pytest.mark.parametrize("zone", ["Europe/Tallinn", "America/St_Johns", "UTC"])
def test_the_zone_is_the_persons(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        told = format_instant(datetime(2024, 1, 31, 23, 30, tzinfo=UTC))
    finally:
        monkeypatch.undo()
        time.tzset()
    wanted = {
        "Europe/Tallinn": "2024-02-01 01:30:00 +02:00",
        "America/St_Johns": "2024-01-31 20:00:00 -03:30",
        "UTC": "2024-01-31 23:30:00 UTC",
    }
    assert told == wanted[zone]


def test_the_seconds_are_what_the_person_waited(cell, shell, monkeypatch):
    """A frame that takes a minute to make, by a clock that jumps."""
    from bigpato_magic.notebook import results, session

    now = [1000.0]
    monkeypatch.setattr(session.time, "perf_counter", lambda: now[0])
    convert = results.convert

    def slow(*how):
        now[0] += 60.0
        return convert(*how)

    monkeypatch.setattr(results, "convert", slow)
    ran = cell("%bpsql SELECT 1 AS a")
    assert " · 60.0 s\n" in ran.text
    metadata = ran.result._repr_mimebundle_()[1]
    assert json.loads(json.dumps(metadata))["bigpato"]["seconds"] == 60.0
    assert " · 60.0 s" in str(cell("%bp_explain").result)  # the same story, told again


def test_a_wait_before_the_cells_first_line_counts_once(shell):
    from bigpato_magic.notebook.session import session_of

    session = session_of(shell)
    session.hold(5.0)
    session.begin()
    assert time.perf_counter() - session.begun >= 5.0
    session.begin()
    assert time.perf_counter() - session.begun < 5.0


def test_what_comes_but_once_is_named():
    result = QueryResult(None, (), RunLocal("SELECT 1", Compiled("SELECT 1", ()), ()), 4.0, starting=3.4)
    assert Note(result).line() == "local · 4.0 s, of which 3.4 s to start the analyzer"
    assert "analyzer" not in Note(QueryResult(None, (), result.decision, 4.0, starting=0.01)).line()


def test_keys_stay_in_what_can_have_the_focus():
    result = QueryResult(None, (), RunOnBigQuery("SELECT 1", (Reason("asked", "asked"),)), 1.0, job_id="job")
    page = Note(result, console_project="acme").html()
    assert page.count(KEYS) == 2
    assert f"<summary {KEYS}" in page
    assert f"<a {KEYS}" in page


def test_the_classes_that_are_configured_are_where_they_are_said_to_be():
    from importlib import import_module

    from bigpato_magic.notebook.session import OWNERS

    assert [getattr(import_module(module), name).__name__ for name, module in OWNERS.items()] == list(OWNERS)


def test_a_query_that_would_bill_much_shows_its_price_and_what_bills_less_and_runs_after_a_yes(cell, client):
    client.ask_above = 1 << 20
    client.look_below = 0
    asked = cell("%%bpsql df <<\nSELECT * FROM orders")
    card = asked.error._render_traceback_()
    assert card[0].startswith("ConsentNeeded: It would bill 10.0 MiB (≈ $0.0")
    assert [line[:4] for line in card[1:]] == ["  · ", "  · ", "  → "]
    assert "%bp_rebalance orders brings it here" in card[2]
    assert "--yes" in card[-1]
    assert "--yes runs it" in str(cell("%bpsql --dry_run SELECT * FROM orders").result)
    assert cell("%%bpsql df << --yes\nSELECT * FROM orders").error is None
