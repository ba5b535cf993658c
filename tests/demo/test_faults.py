"""Faults strike where and as often as they were set; latency and principals can be switched."""

from __future__ import annotations

import threading

import pytest

from bigpato_magic.demo.faults import FAULTS, Faults
from bigpato_magic.errors import (
    BigPatoError,
    Cancelled,
    CredentialsError,
    PermissionDenied,
    WarehouseUnavailable,
)
from bigpato_magic.status import Cancel

from .conftest import facts_of, table


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_fault_raises_its_error_in_its_operation(name):
    faults = Faults()
    faults.set(name, times=1)
    operation = name.partition(":")[0]
    operation = "query" if operation in ("network", "credentials") else operation
    kind, _, hint = FAULTS[name]
    begun = name in ("read:cut-after-bytes", "download:cut")
    faults.strike(operation, table("orders"), passed=None if begun else 1)
    with pytest.raises(kind) as caught:
        faults.strike(operation, table("orders"), passed=1 if begun else None)
    assert caught.value.hint == hint
    faults.strike(operation, table("orders"))
    faults.strike(operation, table("orders"), passed=1)
    assert faults.hits[name] == 1


def test_a_fault_may_be_of_one_table(warehouse):
    warehouse.faults.set("facts:403", table=table("orders"))
    found = warehouse.facts([table("orders"), table("visits")])
    assert isinstance(found[table("orders")], PermissionDenied)
    assert not isinstance(found[table("visits")], BigPatoError)


def test_faults_last_as_long_as_they_are_set(warehouse):
    with warehouse.faults.during("network:away"):
        for call in (lambda: warehouse.query("SELECT 1"), warehouse.tables, lambda: warehouse.dry_run("SELECT 1")):
            with pytest.raises(WarehouseUnavailable):
                call()
        assert isinstance(warehouse.facts([table("orders")])[table("orders")], WarehouseUnavailable)
        assert warehouse.execute("SELECT 1 AS x").num_rows == 1
    assert facts_of(warehouse, "orders")
    warehouse.faults.set("credentials:expired", times=2)
    for _ in range(2):
        with pytest.raises(CredentialsError):
            warehouse.query("SELECT 1")
    warehouse.query("SELECT 1")


def test_there_is_no_unknown_fault(warehouse):
    with pytest.raises(ValueError, match="query:503"):
        warehouse.faults.set("query:5o3")


def test_a_call_that_waits_can_be_stopped(warehouse):
    warehouse.pace.latency = 30.0
    cancel = Cancel()
    threading.Timer(0.1, cancel.set).start()
    with pytest.raises(Cancelled):
        warehouse.query("SELECT 1", cancel=cancel)
