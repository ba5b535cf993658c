"""The table of scans names kinds that there are, and says of them what their fields allow."""

from __future__ import annotations

import pytest
from zetasql.wasi._pb2.zetasql.resolved_ast import resolved_ast_pb2

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.scans import SCANS, ScanProperties, properties


def message(kind: str):
    return getattr(resolved_ast_pb2, f"Resolved{kind}Proto")()


@pytest.mark.parametrize("kind", SCANS)
def test_a_kind_of_the_table_is_a_scan_and_named_as_the_tree_names_it(kind):
    assert tree.name(message(kind)) == kind
    assert len(tree.get(message(kind), "column_list")) == 0


@pytest.mark.parametrize("kind", [k for k, p in SCANS.items() if p.comes_off or p.keeps_rows or p.keeps_values])
def test_what_is_said_about_an_input_is_said_of_scans_that_have_one(kind):
    assert not tree.has(message(kind), "input_scan")


def test_nothing_holds_of_a_kind_that_is_not_in_the_table():
    assert properties("SampleScan") == ScanProperties()
    assert not any(getattr(ScanProperties(), field) for field in ScanProperties.__slots__)
