"""What goes wrong on purpose: named faults that a test switches on, and how slow the demo warehouse is.

warehouse.faults.set("query:503", times=2)          # the next two queries fail
warehouse.faults.set("read:cut-after-bytes", after=4096)
with warehouse.faults.during("network:away"): …
warehouse.faults.hits["query:503"]                  # how often it struck
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bigpato_magic import forks
from bigpato_magic.errors import (
    BigPatoError,
    CredentialsError,
    PermissionDenied,
    QueryError,
    TransferError,
    WarehouseError,
    WarehouseUnavailable,
)
from bigpato_magic.status import Cancel
from bigpato_magic.types import TableId

_DENIED = ("Access Denied: the caller may not do this on {what}.", "ask the owner for the role")
_DOWN = ("The service is unavailable while it works on {what} (503).", "try again")
_QUOTA = ("Exceeded rate limits on {what} (429).", "try again")

# name: (class of error, sentence, hint). The word before the colon is the operation it strikes.
FAULTS: dict[str, tuple[type[BigPatoError], str, str | None]] = {
    "credentials:expired": (CredentialsError, "The credentials have expired.", "gcloud auth application-default login"),
    "download:cut": (TransferError, "The download of {what} was cut.", "rebalance again"),
    "extract:403": (PermissionDenied, *_DENIED),
    "extract:503": (WarehouseUnavailable, *_DOWN),
    "extract:job-fails": (TransferError, "The extract job of {what} failed: an internal error.", "rebalance again"),
    "extract:no-bucket": (TransferError, "The bucket for {what} does not exist.", "set BigPato.bucket"),
    "facts:403": (PermissionDenied, *_DENIED),
    "facts:429": (WarehouseError, *_QUOTA),
    "facts:503": (WarehouseUnavailable, *_DOWN),
    "network:away": (WarehouseUnavailable, "The network is away.", "check the connection"),
    "partitions:403": (PermissionDenied, *_DENIED),
    "partitions:503": (WarehouseUnavailable, *_DOWN),
    "query:403": (PermissionDenied, *_DENIED),
    "query:429": (WarehouseError, *_QUOTA),
    "query:503": (WarehouseUnavailable, *_DOWN),
    "query:out-of-resources": (QueryError, "Resources exceeded during query execution.", "read less at once"),
    "read:403": (PermissionDenied, *_DENIED),
    "read:503": (WarehouseUnavailable, *_DOWN),
    "read:cut-after-bytes": (TransferError, "The stream of {what} was cut.", "rebalance again"),
    "tables:403": (PermissionDenied, *_DENIED),
    "tables:503": (WarehouseUnavailable, *_DOWN),
}
_EVERYWHERE = frozenset({"credentials", "network"})
# These strike in the middle, where the transfer counts bytes; the others strike at the start of the operation.
_MIDWAY = frozenset({"read:cut-after-bytes", "download:cut"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is switched on.

    Args:
        name: a key of `FAULTS`.
        times: strikes that are left, None for ever.
        after: bytes that pass before a cut.
        table: strikes only there, None for everywhere.
    """

    name: str
    times: int | None = None
    after: int = 0
    table: TableId | None = None

    def strikes(self, operation: str, tables: tuple[TableId, ...], passed: int | None) -> bool:
        """Whether it is due: it concerns this operation on these tables, and so many bytes have passed."""
        family = self.name.partition(":")[0]
        if not (family == operation or family in _EVERYWHERE) or (self.table is not None and self.table not in tables):
            return False
        return (passed is not None and passed >= self.after) if self.name in _MIDWAY else passed is None


class Faults:
    """The faults that are switched on. Safe to use from several threads."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._on: dict[str, Fault] = {}
        forks.register(self)

    def begin_anew(self) -> None:
        """In a forked child: a lock of its own."""
        self._lock = threading.Lock()

    def set(self, name: str, *, times: int | None = None, after: int = 0, table: TableId | None = None) -> None:
        """Switch a fault on, for ever or for its next `times` strikes.

        Raises:
            ValueError: there is no such fault.
        """
        if name not in FAULTS:
            raise ValueError(f"{name!r} is no fault; there are {', '.join(sorted(FAULTS))}")
        with self._lock:
            self._on[name] = Fault(name, times, after, table)

    def clear(self, name: str | None = None) -> None:
        """Switch one fault off, or all."""
        with self._lock:
            self._on = {} if name is None else {k: v for k, v in self._on.items() if k != name}

    @contextmanager
    def during(self, name: str, *, after: int = 0, table: TableId | None = None) -> Iterator[None]:
        """Switched on inside a `with`."""
        self.set(name, after=after, table=table)
        try:
            yield
        finally:
            self.clear(name)

    def strike(self, operation: str, *tables: TableId, passed: int | None = None) -> None:
        """Fail as the faults that are on demand; `passed` is the bytes so far, None at the start.

        Raises:
            BigPatoError: of the fault's class.
        """
        with self._lock:
            fault = next((f for f in self._on.values() if f.strikes(operation, tables, passed)), None)
            if fault is None:
                return
            self._spend(fault)
        kind, sentence, hint = FAULTS[fault.name]
        raise kind(sentence.format(what=", ".join(map(str, tables)) or "the project"), hint=hint)

    def _spend(self, fault: Fault) -> None:
        self.hits[fault.name] += 1
        if fault.times is None:
            return
        if fault.times <= 1:
            del self._on[fault.name]
        else:
            self._on[fault.name] = replace(fault, times=fault.times - 1)


@dataclass
class Pace:
    """How slow the warehouse is.

    Args:
        latency: seconds that each call takes before it does anything.
        bandwidth: bytes a second of transfers, None for as fast as the disk.
    """

    latency: float = 0.0
    bandwidth: float | None = None

    def answer(self, cancel: Cancel | None = None) -> None:
        """Wait for the latency of one call.

        Raises:
            Cancelled: `cancel` was set meanwhile.
        """
        if self.latency:
            _wait(self.latency, cancel)

    def carry(self, size: int, cancel: Cancel | None = None) -> None:
        """Wait as long as `size` bytes take on the way.

        Raises:
            Cancelled: `cancel` was set meanwhile.
        """
        if self.bandwidth:
            _wait(size / self.bandwidth, cancel)


def _wait(seconds: float, cancel: Cancel | None) -> None:
    if cancel is None:
        time.sleep(seconds)
    elif cancel.wait(seconds):
        cancel.check()
