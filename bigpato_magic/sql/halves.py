"""The largest lower part of a query that has faithful DuckDB SQL, where the whole has none. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bigpato_magic.googlesql import tree
from bigpato_magic.googlesql.cutting import Cut, cuts
from bigpato_magic.googlesql.effort import fewest
from bigpato_magic.googlesql.finishing import too_many
from bigpato_magic.sql.statement import compile_query
from bigpato_magic.types import AnalyzedQuery, Compiled, LocalTable, Reason, Refused, TableId

RULE = "finish"
"""By this name a finish can be quarantined, as a rule can."""


@dataclass(frozen=True, slots=True)
class Halves:
    """A query in two: DuckDB SQL for the part below, and where it was cut."""

    below: Compiled
    cut: Cut


def halves(
    query: AnalyzedQuery,
    tables: Mapping[TableId, LocalTable],
    sizes: Mapping[TableId, int],
    *,
    most: int,
    quarantined: frozenset[str] = frozenset(),
) -> Halves | Refused | None:
    """The cut that leaves most to DuckDB.

    Args:
        query: one that does not compile as a whole.
        tables: what each table is in DuckDB.
        sizes: rows of each.
        most: rows that may go from one part to the other; DuckDB gives one more, so that too many can be told.
        quarantined: names of rules that must not be used.

    Returns:
        The halves; why there are none, where only the upper part stands in the way; None where no lower part has rules.
    """
    refusals = []
    for cut in cuts(query) if RULE not in quarantined else ():
        if not any(tree.walk(cut.below.tree, ("TableScan",))):
            continue
        compiled = compile_query(cut.below, tables, quarantined, inner=True)
        if isinstance(compiled, Refused):
            continue
        refusal = _refusal(cut, sizes, most)
        if refusal is None:
            return Halves(_limited(compiled, most, _names(cut)), cut)
        refusals.append(refusal)
    return Refused((refusals[0],)) if refusals else None


def _refusal(cut: Cut, sizes: Mapping[TableId, int], most: int) -> Reason | None:
    if cut.refusal is not None:
        return Reason("unfinished", f"Google's evaluator cannot finish what DuckDB begins: {cut.refusal}")
    rows = fewest(tree.node(cut.below.tree.query), lambda scan: sizes[TableId.parse(scan.table.full_name)])
    return Reason("too-many-rows", too_many(most)) if rows > most else None


def _names(cut: Cut) -> set[str]:
    """What the upper part uses, for who compares the answer with BigQuery's: some answers are not fixed."""
    limits = (tree.name(found) for found in tree.walk(cut.above, ("LimitOffsetScan",)))
    calls = tree.walk(cut.above, ("AggregateFunctionCall", "AnalyticFunctionCall"))
    return {RULE, *limits, *(tree.get(call, "function").name.rpartition(":")[2] for call in calls)}


def _limited(compiled: Compiled, most: int, names: set[str]) -> Compiled:
    """Rows in an order that is the same each time, so that ties above it are; and no more than can be used."""
    sql = f"SELECT * FROM (SELECT * FROM ({compiled.sql}) LIMIT {most + 1}) ORDER BY ALL"
    return replace(compiled, sql=sql, rules=compiled.rules | names)
