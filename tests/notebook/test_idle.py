"""A kernel that runs a cell is not idle, whatever the cell does: nothing is rebalanced in the background meanwhile."""

from __future__ import annotations


def test_while_a_cell_runs_nothing_begins_and_afterwards_it_may(cell, client, monkeypatch):
    automatic, seen = client.tier.automatic, []
    for name in ("begin", "end"):
        monkeypatch.setattr(
            automatic, name, lambda name=name, real=getattr(automatic, name): (seen.append(name), real())
        )
    client.tier.auto = True
    try:
        cell("1 + 1")
        assert seen == ["begin", "end"]
        assert automatic._timer is not None
        cell("1 / 0")
        assert seen == ["begin", "end"] * 2
    finally:
        client.tier.auto = False
    assert automatic._timer is None
