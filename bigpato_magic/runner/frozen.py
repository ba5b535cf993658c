"""A query while the client is frozen: BigQuery is asked for the tables as of that instant, or it is an error.

Never an answer of today: what cannot be had as of then is said in one sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError, BytesLimitExceeded, Cancelled, RouteRefused, WarehouseUnavailable
from bigpato_magic.tier.freshness.verdict import SETTLED
from bigpato_magic.traits import format_instant
from bigpato_magic.types import STORED, OutputColumn, QueryResult, TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.runner.planner import QueryPlanner
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.query_access import QueryAccess
    from bigpato_magic.warehouse.base import Warehouse

_WAY_OUT = "%bp_freeze off reads the tables as they are"


@dataclass(frozen=True, slots=True)
class PastQuestion:
    """What BigQuery is asked in place of a query of a frozen client.

    Args:
        asked: the query as the person wrote it.
        request: the same, in a text that reads each table as of the instant.
        outputs: names and types of the result, as of the person's text.
    """

    asked: Request
    request: Request
    outputs: tuple[OutputColumn, ...]

    def answer(self, result: QueryResult) -> QueryResult:
        """BigQuery's answer, with the names that the person's text gives its columns."""
        arrow = result.arrow.rename_columns([output.name for output in self.outputs])
        return replace(result, arrow=arrow, outputs=self.outputs, sql=self.asked.sql)


def see_that_it_reads(request: Request, planner: QueryPlanner) -> None:
    """See that a text only reads, and leaves the instant to the freeze.

    Raises:
        RouteRefused: it does not.
    """
    at, kind = _told(request), planner.kind(request.sql)
    if kind != "SELECT":
        why = f"Everything is read as of {at} and nothing is changed: this is {planner.name_of(kind)}"
        raise RouteRefused(why, hint=_WAY_OUT)
    if request.names_a_past:
        raise RouteRefused(f"Everything is read as of {at}, and the query names an instant of its own", hint=_WAY_OUT)


def past_question(request: Request, queries: QueryAccess, planner: QueryPlanner, warehouse: Warehouse) -> PastQuestion:
    """What BigQuery is asked, so that it reads each table as of `request.as_of`.

    Args:
        request: with that instant.
        queries: what the tier does for queries.
        planner: tells the tables of the text.
        warehouse: makes dry runs (free), which tell what columns a table had then.

    Raises:
        RouteRefused: it cannot be asked as of then.
        BigPatoError: a table is not there, the SQL is wrong, or BigQuery cannot be reached.
    """
    if not googlesql.ready():
        raise _none(request, "Google's analyzer, which writes the question, is not ready")
    if request.asks_the_time:
        raise _none(request, "the query asks for the current time, and BigQuery knows only its own")
    if any(parameter.name is None for parameter in request.parameters):
        raise _none(request, "its parameters have no names (write @name in place of ?)")
    if planner.routines.are_called(request):
        raise _none(request, "the query calls a function of a dataset, and BigQuery does not tell what it was then")
    tables = planner.tables_of(request)
    if wildcard := next((table.table for table in tables.values() if table.is_wildcard), None):
        raise _none(request, f"BigQuery does not tell which tables {wildcard} stood for then")
    facts = _facts(request, queries, tables.values())
    for changed in facts.values():
        _see_that_its_columns_are_those_of_then(request, changed, warehouse)
    described = {path: facts[table] for path, table in tables.items()}
    query = googlesql.analyze(request.sql, described, request.parameters)
    sql = googlesql.build_sql(query.tree, described, as_of=request.as_of)
    return PastQuestion(request, replace(request, sql=sql), query.outputs)


def _facts(request: Request, queries: QueryAccess, tables: Iterable[TableId]) -> Mapping[TableId, TableFacts]:
    facts = {}
    for table, answer in queries.facts.fetch(tables).items():
        if isinstance(answer, BigPatoError):
            raise answer
        if answer.version.kind not in STORED:
            kind = answer.version.kind.replace("_", " ").lower()
            raise _none(request, f"{table.table} is a {kind}, whose past BigQuery does not tell")
        facts[table] = answer
    return facts


def _see_that_its_columns_are_those_of_then(request: Request, facts: TableFacts, warehouse: Warehouse) -> None:
    """See that a table which may have changed since then had the columns of now: the question is written by these.

    Raises:
        RouteRefused: it had others.
        BigPatoError: BigQuery does not tell.
    """
    at = request.as_of
    if at is None or facts.version.modified + SETTLED <= at:
        return
    then = warehouse.dry_run(_readable_columns_of(facts, at), options=request.options).outputs
    now = [(column.name, column.type) for column in facts.columns if not column.policy_tagged]
    if [(column.name, column.type) for column in then] != now:
        raise _none(request, f"{facts.id.table} had other columns then, and the question would be of those of now")


def _readable_columns_of(facts: TableFacts, at: datetime) -> str:
    """A query for all columns that a table had then, but those that a policy tag may forbid."""
    tagged = ", ".join(f"`{column.name}`" for column in facts.columns if column.policy_tagged)
    columns, by = f"* EXCEPT ({tagged})" if tagged else "*", facts.partitioning
    required = f" WHERE `{by.column or '_PARTITIONTIME'}` IS NULL" if by is not None and by.filter_required else ""
    instant = f"TIMESTAMP '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"
    return f"SELECT {columns} FROM `{facts.id}` FOR SYSTEM_TIME AS OF {instant}{required}"


def failure_of_then(request: Request, error: BigPatoError) -> BigPatoError:
    """What is said where there is no answer as of then."""
    if isinstance(error, BytesLimitExceeded | Cancelled | WarehouseUnavailable | RouteRefused):
        return error
    return _none(request, error.message.rstrip("."))


def _none(request: Request, why: str) -> RouteRefused:
    return RouteRefused(f"There is no answer as of {_told(request)}: {why}", hint=_WAY_OUT)


def _told(request: Request) -> str:
    return format_instant(request.as_of) if request.as_of else "now"
