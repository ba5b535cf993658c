"""The panel without a browser: what it says, what it takes, and what stands in its place."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import pytest
from traitlets import TraitError

from bigpato_magic.errors import TransferError
from bigpato_magic.notebook import settings, view
from bigpato_magic.notebook.footnote import KEYS
from bigpato_magic.notebook.panel import Jobs, panel
from bigpato_magic.tier.journal.savings import Savings
from bigpato_magic.types import Plan, Reason, Refusal, TableId

ORDERS = TableId("acme", "shop", "orders")


@pytest.fixture
def shown(client):
    it = panel(client)
    yield it
    it.close()


def wait_for(condition) -> None:
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come about")


_requests = itertools.count()


def ask(shown, action, **content):
    shown._receive(shown, {"action": action, "request": f"v-{next(_requests)}", **content}, [])


# ------------------------------------------------------------------------------------------ static


def test_the_static_table_has_the_local_tables_first(client):
    html = view.static_html(client)
    assert f'<details class="bp-static" open><summary {KEYS}>BigPato: 4 of 20 tables local' in html
    first = html.split("<tbody>")[1].split("</tr>")[0]
    assert ">local</td>" in first


def test_a_table_name_is_text_and_never_markup(client):
    row = client.tables()[0]
    evil = replace(row, id=TableId("acme", "shop", "<img src=x onerror=alert(1)>"))
    client._tables = {evil.id: evil}
    assert "<img" not in view.static_html(client)
    assert "&lt;img src=x" in view.static_html(client)


def test_of_many_tables_the_static_one_shows_fifty_and_says_so(standin):
    html = view.static_html(standin.StandIn(200))
    assert html.count("<tr>") == 51
    assert "… and 150 more" in html


def test_without_a_front_end_the_panel_is_the_table_as_text(shown, client):
    assert repr(shown) == view.static_text(client)
    assert repr(shown).splitlines()[1].split() == ["Table", "Where", "Size", "Uses", "LRU", "Fresh", "Not", "billed"]
    assert shown._repr_html_() == view.static_html(client)


def test_a_project_is_told_only_where_it_is_not_the_default():
    assert view.label(ORDERS, "acme") == "shop.orders"
    assert view.label(ORDERS, "other") == "acme.shop.orders"


# ------------------------------------------------------------------------------------------- words


def test_what_was_done_and_what_was_not_is_one_line(client):
    plan = client.plan()
    assert view.told(replace(plan, refused=())) == "5 promoted."
    assert view.told(Plan()) == "Nothing to do: no table is worth bringing, and no copy is behind."
    refused = tuple(Refusal(ORDERS, Reason("row-policies", "it has row-level security")) for _ in range(3))
    assert view.told(Plan(refused=refused)) == "Nothing moved. orders: it has row-level security (and 2 more)"


def test_a_plan_is_shown_with_its_bytes_prices_and_refusals(client):
    plan = client.plan()
    shown = view.plan(plan, 7, "acme")
    assert shown["id"] == 7
    assert [step["step"] for step in shown["steps"]] == ["promote"] * 5
    assert shown["bytes"] == sum(p.bytes for p in plan.promote)
    assert shown["refused"][0][1] == "it has row-level security"


def test_a_query_is_shown_with_the_persons_text_and_the_reasons(client):
    shown = view.query(client.status.queries[-1])
    assert shown["route"] == "bigquery"
    assert shown["sql"].startswith("SELECT COUNT(*) AS n11")
    assert "orders is not local yet" in shown["why"]


# ---------------------------------------------------------------------------------------- settings


def test_what_a_person_types_is_what_the_trait_takes(client):
    settings.change(client, "tier.budget", "3 GiB")
    assert client.tier.budget == 3 << 30
    with pytest.raises(TraitError, match="a size as '10 GiB'"):
        settings.change(client, "tier.budget", "much")
    with pytest.raises(TraitError, match="cannot be set here"):
        settings.change(client, "tier.directory", "/etc")
    assert client.tier.budget == 3 << 30


def test_every_field_shows_a_text_that_it_would_take_back(client):
    before = settings.describe(client)
    for field in before:
        settings.change(client, field["name"], field["value"])
    assert settings.describe(client) == before


def test_the_fields_are_traits_of_the_real_client(tmp_path):
    from bigpato_magic.client import BigPato
    from bigpato_magic.tier.freshness.settings import FreshnessPolicy
    from bigpato_magic.tier.journal.ledger import Pricing
    from bigpato_magic.tier.keeping.settings import Keep
    from bigpato_magic.tier.tier import Tier

    owners = {"": BigPato, "tier": Tier, "tier.facts.policy": FreshnessPolicy, "tier.keep": Keep}
    owners["tier.pricing"] = Pricing
    for setting in settings.SETTINGS:
        trait = owners[setting.owner].class_traits()[setting.name]
        assert trait.help
        assert trait.metadata.get("config")


# ------------------------------------------------------------------------------------------ preferences


def test_one_client_has_one_panel(client, shown):
    assert panel(client) is shown


def test_a_closed_panel_makes_way_for_a_new_one(client, shown):
    shown.close()
    other = panel(client)
    assert other is not shown
    other.close()


def test_a_change_of_the_tier_reaches_the_panel_by_itself(client, shown):
    client.pin([client.tables()[-1].id])
    wait_for(lambda: any(row["pinned"] for row in shown.rows if row["where"] == "bigquery"))


def test_promote_moves_the_tables_asked_for_and_only_them(client, shown):
    wanted = next(row for row in client.tables() if row.where == "bigquery").id
    ask(shown, "promote", tables=[str(wanted)])
    wait_for(lambda: shown.job["message"] == "1 promoted.")
    assert sum(row.where == "local" for row in client.tables()) == 5


def test_nothing_moves_by_a_plan_that_was_not_the_last_one_shown(client, shown):
    ask(shown, "plan")
    wait_for(lambda: shown.plan.get("id") == 1)
    ask(shown, "enact", plan=99)
    wait_for(lambda: "plan is gone" in shown.job["message"])
    assert sum(row.where == "local" for row in client.tables()) == 4
    ask(shown, "enact", plan=1)
    wait_for(lambda: sum(row.where == "local" for row in client.tables()) == 9)


def test_an_answer_that_is_named_is_forgotten_and_no_other(client, shown):
    first, *others = client.kept()
    ask(shown, "forget", tables=[str(first.id)])
    wait_for(lambda: shown.job["message"].startswith("1 kept answer forgotten"))
    assert client.kept() == others
    wait_for(lambda: shown.kept["count"] == len(others))


@pytest.mark.parametrize("content", [{}, {"tables": []}, {"all": "yes"}, {"all": False}])
def test_answers_go_only_where_they_are_named_or_all_are_meant(client, shown, content):
    ask(shown, "forget", **content)
    assert not shown._jobs.running
    assert len(client.kept()) == 30


def test_all_answers_go_at_once(client, shown):
    ask(shown, "forget", all=True)
    wait_for(lambda: shown.job["message"].startswith("30 kept answers forgotten"))
    assert client.kept() == []


def test_of_many_answers_the_last_used_are_sent_and_all_are_counted(standin):
    many = view.kept(standin.StandIn(5, answers=250))
    assert (len(many["rows"]), many["count"]) == (view.KEPT_ROWS, 250)
    assert many["bytes"] > sum(row["local_bytes"] for row in many["rows"])


def test_with_time_as_the_objective_no_dollar_is_shown_above_the_tables(client):
    client.tier.pricing.objective = "time"
    client.savings = lambda since=None: Savings(None, bigquery=2, seconds_bigquery=8.0, local=3, seconds_local=3.0)
    assert view.budget(client)["spared"] == "about 9.0 s not waited"
    assert "about 9.0 s not waited" in view.static_text(client)
    assert "$" not in view.static_text(client).splitlines()[0]
    assert view.kept(client)["dollars"] == 0


def test_the_static_line_counts_kept_answers_where_there_are_any(standin):
    assert " · 30 kept answers · as of " in view.static_text(standin.StandIn(5))
    assert "kept" not in view.static_text(standin.StandIn(5, answers=0))


@pytest.mark.parametrize("content", [{"action": "format-disk"}, {"action": None}, {"action": "promote", "tables": []}])
def test_a_message_that_asks_for_nothing_known_does_nothing(client, shown, content):
    shown._receive(shown, content, [])
    assert not shown._jobs.running


def test_a_request_that_is_sent_twice_is_answered_twice_and_done_once(client, shown, monkeypatch):
    """Before the comm has a subshell a click waits in the main shell: the front end sends it again."""
    pinned, acks = [], []
    monkeypatch.setattr(client, "pin", pinned.append)
    monkeypatch.setattr(shown, "send", acks.append)
    for request in ("v-1", "v-1", "v-2"):
        shown._receive(shown, {"action": "pin", "request": request, "tables": [str(ORDERS)]}, [])
    assert [ack["ack"] for ack in acks] == ["v-1", "v-1", "v-2"]
    assert len(pinned) == 2


def test_a_name_that_is_no_table_is_told(shown):
    ask(shown, "promote", tables=["orders"])
    wait_for(lambda: "needs a dataset" in shown.job["message"])


# -------------------------------------------------------------------------------------------- jobs


def test_one_job_at_a_time():
    jobs, hold, ran = Jobs(lambda: None), threading.Event(), []
    jobs.start("first", lambda _: "first" if hold.wait(5) else "late")
    jobs.start("second", lambda _: ran.append(1) or "second")
    hold.set()
    wait_for(lambda: not jobs.running)
    assert jobs.message == "first"
    assert not ran


def test_a_cancelled_job_says_so():
    jobs = Jobs(lambda: None)
    jobs.start("work", lambda cancel: "done" if not cancel.wait(5) else cancel.check())
    jobs.cancel()
    wait_for(lambda: not jobs.running)
    assert jobs.message.startswith("Cancelled")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            TransferError("orders could not be read", hint="look at its permissions"),
            "orders could not be read (look at",
        ),
        (ZeroDivisionError("oh"), "ZeroDivisionError: oh"),
    ],
)
def test_an_error_of_a_job_is_told_and_the_next_one_may_run(error, message):
    jobs = Jobs(lambda: None)

    def fail(_):
        raise error

    jobs.start("work", fail)
    wait_for(lambda: not jobs.running)
    assert jobs.message.startswith(message)
    jobs.start("more", lambda _: "done")
    wait_for(lambda: jobs.message == "done")
