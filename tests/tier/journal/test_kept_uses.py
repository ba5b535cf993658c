"""The uses of kept relations: shared by all kernels, fading, bounded, each principal's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bigpato_magic.tier.journal import kept_uses
from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.journal.kept_uses import KeptUses
from bigpato_magic.tier.policy.score import HALF_LIFE

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.fixture
def uses(tmp_path):
    return KeptUses(Database(tmp_path), "me")


def test_keeping_weighs_as_a_use_and_counts_as_none(uses):
    uses.begun("kept_a", NOW)
    assert uses.totals() == {"kept_a": kept_uses.KeptUse(NOW)}
    uses.used(["kept_a"], 1000.0, NOW)
    found = uses.totals()["kept_a"]
    assert (found.uses, found.weight, found.not_billed) == (1, 2.0, 1000.0)


def test_what_several_saved_together_is_divided(uses):
    uses.used(["kept_a", "kept_b"], 1000.0, NOW)
    assert {name: use.not_billed for name, use in uses.totals().items()} == {"kept_a": 500.0, "kept_b": 500.0}


def test_a_use_fades_and_one_that_is_kept_again_is_known(uses):
    uses.begun("kept_a", NOW)
    later = NOW + timedelta(seconds=HALF_LIFE)
    assert uses.totals()["kept_a"].at(later).weight == pytest.approx(0.5)
    uses.begun("kept_a", later)
    found = uses.totals()["kept_a"]
    assert (found.weight, found.uses, found.last_used) == (pytest.approx(1.5), 0, later)


def test_another_kernel_sees_them_and_another_principal_does_not(uses, tmp_path):
    uses.used(["kept_a"], 5.0, NOW)
    uses.totals()
    assert KeptUses(Database(tmp_path), "me").totals() == uses.totals()
    assert KeptUses(Database(tmp_path), "you").totals() == {}


def test_the_longest_unused_of_too_many_are_forgotten(uses, monkeypatch):
    monkeypatch.setattr(kept_uses, "MOST", 20)
    for number in range(30):
        uses.used([f"kept_{number:02}"], 0.0, NOW + timedelta(seconds=number))
    found = uses.totals()
    assert len(found) <= 20
    assert "kept_29" in found
    assert "kept_00" not in found
