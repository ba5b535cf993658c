"""Makes the process's analyzer ready: the packages that it needs, its module, and a first question."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bigpato_magic.googlesql import service

if TYPE_CHECKING:
    from bigpato_magic.googlesql.instance import Instance


def warm(*, background: bool = True, on_state: Callable[[service.State], None] | None = None) -> None:
    """Make the analyzer ready: see `service.AnalyzerService.warm`."""
    service.warm(_first_question, background=background, on_state=on_state)


def preload() -> None:
    """Import the packages that the analyzer needs (0.3 s of processor time), on this thread."""
    import wasmtime  # noqa: F401
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2  # noqa: F401

    from bigpato_magic.googlesql import analysis, instance, module  # noqa: F401


def _first_question(instance: Instance) -> None:
    from bigpato_magic.googlesql.analysis import first_question

    first_question(instance)
