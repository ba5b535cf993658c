"""Tables that random queries read: the same rows as copies that the product published, and as the evaluator holds them.

Making them takes as long as several queries, so many queries are asked of one world; each is judged for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import analysis, catalog, rows
from bigpato_magic.googlesql.analysis import Declared
from bigpato_magic.googlesql.evaluation import WorkLimits, answered, evaluate
from bigpato_magic.googlesql.instance import message
from bigpato_magic.googlesql.service import Role
from bigpato_magic.googlesql.source import SourceText
from bigpato_magic.resolved.support import foreign
from bigpato_magic.types import AnalyzedQuery, LocalTable, Parameter, TableCopy, TableId
from tests.faithfulness import engine
from tests.faithfulness.engine import Described


@dataclass(eq=False)
class World:
    """Tables by the one name that queries call them.

    Args:
        tables: what the analyzer is told, and the rows.
        given: parameters with their values.
    """

    tables: Mapping[str, tuple[Described, Any]]
    given: Sequence[Parameter] = ()

    @cached_property
    def paths(self) -> dict[tuple[str, ...], Described]:
        return {(name,): described for name, (described, _) in self.tables.items()}

    @cached_property
    def copies(self) -> list[TableCopy]:
        """The tables as the product has them; until `close`."""
        return [engine.publish(described, held) for described, held in self.tables.values()]

    @cached_property
    def local(self) -> dict[TableId, LocalTable]:
        return {copy.table: LocalTable(copy.relation, copy.columns, copy.stats) for copy in self.copies}

    def parameters(self, query: AnalyzedQuery) -> list[Parameter]:
        return [p for p in self.given if p.name in query.parameters]

    def reference(self, query: AnalyzedQuery) -> Any:
        """The answer of Google's reference implementation, in one call; raises as `evaluate` does."""
        if left := foreign(query.tree):
            raise AnalyzerUnavailable(f"{left} is left to BigQuery")
        given = self.parameters(query)
        with analysis.asking(SourceText(query.sql, query.sql), Role.EVALUATE) as instance:
            request = message("EvaluateQuery", sql=query.sql, registered_catalog_id=self._registered(instance))
            request.descriptor_pool_list.CopyFrom(catalog.descriptor_pools())
            request.options.CopyFrom(analysis.settings(instance, Declared.of(given), positional=False))
            request.options.allow_undeclared_parameters = False
            for parameter in given:
                value = request.params.add(name=parameter.name).value
                rows.fill_value(value, parameter.value, parameter.type)
                value.SetInParent()
            answer = answered(instance, request)
        return rows.arrow_table(answer.content.table_data, query.outputs)

    def _registered(self, instance: Any) -> int:
        """The number of a catalogue with the tables and their rows in an instance."""
        known = instance.kept.setdefault("worlds", {})
        if self not in known:
            entries = catalog.entries(self.paths)
            request = message("RegisterCatalog", simple_catalog=catalog.simple_catalog(instance, entries))
            request.descriptor_pool_list.CopyFrom(catalog.descriptor_pools())
            for entry in entries:
                held = self.tables[entry.path[0]][1]
                content = request.table_content[entry.path[0]].table_data
                content.SetInParent()
                columns = [(kind, held.column(place)) for place, (_, kind) in enumerate(entry.columns)]
                rows.fill_table(content, columns, held.num_rows)
            known[self] = instance.call("RegisterCatalog", request).registered_id
        return int(known[self])

    def close(self) -> None:
        """Remove the copies, and let the evaluator forget the tables."""
        if "copies" in self.__dict__:
            engine.withdraw(self.copies)
        with analysis.asking(SourceText("", ""), Role.EVALUATE) as instance:
            number = instance.kept.get("worlds", {}).pop(self, None)
            if number is not None:
                instance.call("UnregisterCatalog", registered_id=number)


class Nowhere(World):
    """No tables."""

    def reference(self, query: AnalyzedQuery) -> Any:
        return evaluate(query.sql, limits=WorkLimits(measured=False))


NOWHERE = Nowhere({})


def table_of(name: str, columns: Mapping[str, str], values: Sequence[str]) -> tuple[Described, Any]:
    """A table from GoogleSQL texts of rows, as the evaluator reads them."""
    engine.ready()
    fields = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    sql = f"SELECT * FROM UNNEST(ARRAY<STRUCT<{fields}>>[{', '.join(values)}])"
    held = evaluate(sql, limits=WorkLimits(measured=False))
    kinds = {output.name: output.type for output in googlesql.analyze(sql).outputs}
    return Described(
        TableId(engine.PROJECT, "ds", name), tuple(engine.Column(column, kinds[column]) for column in columns)
    ), held
