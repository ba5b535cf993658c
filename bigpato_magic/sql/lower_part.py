"""The largest lower part of a query that has faithful DuckDB SQL, where the whole has none. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bigpato_magic.googlesql.upper_part import too_many
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.cost_bound import fewest
from bigpato_magic.resolved.split import TreeSplit, splits
from bigpato_magic.sql.statement import compile_query
from bigpato_magic.types import AnalyzedQuery, Compiled, LocalTable, Reason, Refused, TableId

RULE = "split"
"""By this name all splits can be quarantined, as a rule can."""


@dataclass(frozen=True, slots=True)
class CompiledSplit:
    """A query in two: DuckDB SQL for the lower part, and both parts as trees."""

    lower: Compiled
    tree: TreeSplit


def compile_lower(
    query: AnalyzedQuery,
    tables: Mapping[TableId, LocalTable],
    sizes: Mapping[TableId, int],
    *,
    most: int,
    quarantined: frozenset[str] = frozenset(),
) -> CompiledSplit | Refused | None:
    """The split that leaves most to DuckDB.

    Args:
        query: one that does not compile as a whole.
        tables: what each table is in DuckDB.
        sizes: rows of each.
        most: rows that may go from one part to the other; DuckDB gives one more, so that too many can be told.
        quarantined: names of rules that must not be used.

    Returns:
        The split; why there are none, where only the upper part stands in the way; None where no lower part has rules.
    """
    refusals = []
    for split in splits(query) if RULE not in quarantined else ():
        if not any(tree.walk(split.lower.tree, ("TableScan",))):
            continue
        compiled = compile_query(split.lower, tables, quarantined, inner=True)
        if isinstance(compiled, Refused):
            continue
        refusal = _refusal(split, sizes, most)
        if refusal is None:
            return CompiledSplit(_limited(compiled, most, _names(split)), split)
        refusals.append(refusal)
    return Refused((refusals[0],)) if refusals else None


def _refusal(split: TreeSplit, sizes: Mapping[TableId, int], most: int) -> Reason | None:
    if split.refusal is not None:
        return Reason("unfinished", f"Google's evaluator cannot finish what DuckDB begins: {split.refusal}")
    rows = fewest(tree.node(split.lower.tree.query), lambda scan: sizes[TableId.parse(scan.table.full_name)])
    return Reason("too-many-rows", too_many(most)) if rows > most else None


def _names(split: TreeSplit) -> set[str]:
    """What the upper part uses, for who compares the answer with BigQuery's: some answers are not fixed."""
    limits = (tree.name(scan) for scan in tree.walk(split.upper, ("LimitOffsetScan",)))
    calls = tree.walk(split.upper, ("AggregateFunctionCall", "AnalyticFunctionCall"))
    return {RULE, *limits, *(tree.function_name(call) for call in calls)}


def _limited(compiled: Compiled, most: int, names: set[str]) -> Compiled:
    """Rows in an order that is the same each time, so that ties above it are; and no more than can be used."""
    sql = f"SELECT * FROM (SELECT * FROM ({compiled.sql}) LIMIT {most + 1}) ORDER BY ALL"
    return replace(compiled, sql=sql, rules=compiled.rules | names)
