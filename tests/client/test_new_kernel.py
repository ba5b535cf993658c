"""A kernel that has just begun asks, free of charge, whether the copies that it finds are fresh."""

from __future__ import annotations

import pytest

from bigpato_magic.client import BigPato
from bigpato_magic.notebook.panel import panel


@pytest.fixture
def newer(client, warehouse, tmp_path):
    """Another kernel's client, after two tables came here and one of them changed."""
    client.promote(["events", "buckets"])
    warehouse.execute("DELETE FROM samples.buckets WHERE id = 1")
    found = BigPato(warehouse=warehouse, project=client.project, dataset="samples", directory=str(tmp_path / "tier"))
    yield found
    found.close()


def freshness(rows):
    return {row.id.table: str(row.freshness) for row in rows}


def test_tables_alone_ask_nobody(newer):
    assert set(freshness(newer.tables()).values()) == {"unknown"}


def test_the_copies_are_checked_once(newer, monkeypatch):
    newer.check_copies()
    assert freshness(newer.tables()) == {"events": "fresh", "buckets": "stale"}
    asked = []
    monkeypatch.setattr(newer.warehouse, "facts", lambda tables: asked.append(tables) or {})
    newer.check_copies()
    assert asked == []


def test_a_panel_shows_what_they_are_and_so_does_the_table_that_is_saved(newer):
    shown = panel(newer)
    try:
        rows = {row["label"]: row["fresh"] for row in shown.rows}
        assert "unknown" not in shown._repr_html_()
        assert {view["label"]: view["fresh"] for view in shown._picture()["rows"]} == {
            "samples.events": "fresh",
            "samples.buckets": "stale",
        }
        assert set(rows) == {"samples.events", "samples.buckets"}
    finally:
        shown.close()


def test_a_network_that_is_away_leaves_them_unknown(newer, monkeypatch):
    from bigpato_magic.errors import WarehouseUnavailable

    monkeypatch.setattr(newer.warehouse, "facts", lambda tables: dict.fromkeys(tables, WarehouseUnavailable("away")))
    newer.check_copies()
    assert set(freshness(newer.tables()).values()) == {"unknown"}
