"""The persistent functions that a query calls, as BigQuery has them when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable, WarehouseUnavailable
from bigpato_magic.lru import LruCache
from bigpato_magic.system import elapsed
from bigpato_magic.types import RoutineFacts, RoutineId

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.freshness.settings import FreshnessPolicy
    from bigpato_magic.warehouse.base import Warehouse

Named = Mapping[tuple[str, ...], RoutineFacts]


@dataclass(slots=True)
class Routines:
    """Asks for them before a query that calls them is understood (free). Safe to use from several threads.

    Args:
        warehouse: BigQuery.
        policy: how old an answer may be: one that came before the query was asked counts only within `max_staleness`.
    """

    warehouse: Warehouse
    policy: FreshnessPolicy
    _called: LruCache[tuple[tuple[str, ...], ...]] = field(default_factory=LruCache)
    _known: LruCache[tuple[float, RoutineFacts]] = field(default_factory=LruCache)

    def of(self, request: Request) -> Named:
        """The routines that a text calls and those that their bodies call, by the names that are written for them.

        Raises:
            QueryError: a syntax error.
            AnalyzerUnavailable: the analyzer or BigQuery cannot say, or they call one another too deeply.
        """
        if not self.are_called(request):
            return {}
        started = elapsed()
        return googlesql.named(request.sql, request.project, lambda ids: self._ask(ids, request, started))

    def are_called(self, request: Request) -> bool:
        """Whether a text calls any; nobody is asked. Raises as `of`."""
        return bool(self._called.of(request.sql, lambda: googlesql.called(request.sql)))

    def forget(self) -> None:
        """Nothing is known any more: a statement may have changed any of them."""
        self._known = LruCache()

    def _ask(self, ids: tuple[RoutineId, ...], request: Request, started: float) -> Mapping[RoutineId, RoutineFacts]:
        known = {id_: routine for id_ in ids if (routine := self._young_enough(id_, request, started)) is not None}
        # What is told now is not remembered where a statement ends meanwhile: `forget` puts others in the place of these.
        remembered, asked = self._known, elapsed()
        for id_, answer in self.warehouse.routines([id_ for id_ in ids if id_ not in known]).items():
            if isinstance(answer, RoutineFacts):
                remembered.put(id_, (asked, answer))
                known[id_] = answer
            elif isinstance(answer, WarehouseUnavailable):
                known[id_] = self._offline(id_, request, answer)
            # Whatever else is wrong with it, the query will tell.
        return known

    def _young_enough(self, id_: RoutineId, request: Request, started: float) -> RoutineFacts | None:
        limit = self.policy.max_staleness if request.max_staleness is None else request.max_staleness
        asked, routine = self._known.get(id_) or (0.0, None)
        return routine if routine is not None and started - asked <= limit and (limit > 0 or asked >= started) else None

    def _offline(self, id_: RoutineId, request: Request, error: WarehouseUnavailable) -> RoutineFacts:
        known = self._known.get(id_)
        allowed = self.policy.offline if request.offline is None else request.offline
        if known is None or not allowed:
            raise AnalyzerUnavailable(f"nobody can say what the function {id_} is: {error.message}")
        return known[1]
