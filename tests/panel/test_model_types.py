"""The types that panel.js is checked against are what the kernel sends: the same fields, and none that is missing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from bigpato_magic.notebook import panel, settings, view
from bigpato_magic.overview import KeptRow, TableRow
from bigpato_magic.types import TableId, TransferEvent

TYPES = (Path(panel.__file__).parent / "static" / "model.d.ts").read_text(encoding="utf-8")
ORDERS = TableId("acme", "shop", "orders")


def fields(interface: str) -> set[str]:
    """The fields of an interface of model.d.ts."""
    body = re.search(rf"^export interface {interface} \{{\n(.*?)^\}}", TYPES, re.MULTILINE | re.DOTALL)
    assert body is not None, interface
    return set(re.findall(r"^  (?:readonly )?(\w+)\??:", body[1], re.MULTILINE))


def traits() -> set[str]:
    """The panel's own traits that are sent to the front end."""
    return set(panel.Panel.class_traits(sync=True)) - set(panel.anywidget.AnyWidget.class_traits(sync=True))


def transfer() -> dict[str, object]:
    """What is sent of a running transfer."""
    event = TransferEvent(ORDERS, "reading", done=1, total=2, message="half")
    return next(iter(view.progress(SimpleNamespace(transfers=[event])).values()))


@pytest.fixture
def sent(client) -> dict[str, dict[str, object]]:
    """One dictionary of each kind, as the kernel sends it."""
    plan = view.plan(client.plan(), 1, "acme")
    return {
        "Row": view.row(TableRow(ORDERS, "local", last_used=datetime.now(UTC)), "acme"),
        "KeptAnswer": view.kept_row(KeptRow(ORDERS, "SELECT 1", (ORDERS,), 1, 1, datetime.now(UTC)), "acme"),
        "Kept": view.kept(client),
        "Transfer": transfer(),
        "Budget": view.budget(client),
        "Plan": plan,
        "Step": plan["steps"][0],
        "Query": view.query(client.status.queries[0]),
    }


@pytest.mark.parametrize("interface", ["Row", "KeptAnswer", "Kept", "Transfer", "Budget", "Plan", "Step", "Query"])
def test_what_is_sent_has_the_fields_that_the_panel_reads(sent, interface):
    assert set(sent[interface]) == fields(interface)


def test_the_panel_reads_the_traits_that_are_synced(client):
    assert fields("Traits") == traits()
    shown = panel.Panel(client)
    assert set(shown.job) == fields("Job")
    shown.close()


def test_a_setting_is_a_switch_a_choice_or_a_text(client):
    described = settings.describe(client)
    assert {field["kind"] for field in described} == set(re.findall(r'kind: "(\w+)"', TYPES))
    for field in described:
        assert set(field) == {"name", "label", "help", "kind", "value"} | ({"choices"} & set(field))
        assert ("choices" in field) == (field["kind"] == "choice")
