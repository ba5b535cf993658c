"""The scan of a wildcard table as what it is: UNION ALL of scans of the tables that it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.building import Numbers
from bigpato_magic.resolved.chain import copied, hold
from bigpato_magic.resolved.values import fill_type
from bigpato_magic.types import SUFFIX, AnalyzedQuery, Kind, SqlType, TableFacts, TableId, TableRead, WildcardTable

Node = Any
_OF_PARTITIONS = ("_PARTITIONTIME", "_PARTITIONDATE")


@dataclass(frozen=True, slots=True)
class ReadShards:
    """What is read of a wildcard table.

    Args:
        wildcard: which.
        shards: those of its tables that are read, one at least.
    """

    wildcard: WildcardTable
    shards: tuple[TableFacts, ...]


def over_shards(query: AnalyzedQuery, read: Mapping[TableId, ReadShards]) -> AnalyzedQuery:
    """The query with each scan of a wildcard table made of scans of shards; wildcard tables are no tables of it any more.

    Args:
        query: as analyzed, over wildcard tables; it is not changed.
        read: what is read of each wildcard table that the query names.
    """
    statement = copied(query.tree)
    numbers, by_name = Numbers(statement), {str(table): shards for table, shards in read.items()}
    # The wrappers, not the scans: something else takes the place of what they hold.
    for holder in list(tree.walk(statement, ("AnyResolvedScan",))):
        scan = tree.node(holder)
        if tree.name(scan) == "TableScan" and scan.table.full_name in by_name:
            hold(holder, _Union(holder, scan, by_name[scan.table.full_name], numbers).scan())
    tables = {table: reading for table, reading in query.tables.items() if table not in read}
    for table in query.tables.keys() & read.keys():
        tables |= _reads(query.tables[table], read[table].shards)
    names = {table: tuple(shard.id for shard in read[table].shards) for table in query.tables.keys() & read.keys()}
    return replace(query, tree=statement, tables=tables, wildcards=names)


def _reads(reading: TableRead, shards: Sequence[TableFacts]) -> dict[TableId, TableRead]:
    """What is read of each shard: of the columns those that it has."""
    return {shard.id: TableRead(shard.id, reading.columns & _places(shard).keys()) for shard in shards}


def _places(shard: TableFacts) -> dict[str, int]:
    """The place of each column by lower-case name; the pseudo-columns of partitions come after the others.

    All shards of a wildcard are partitioned alike.
    """
    names = (*(column.name for column in shard.columns), *_OF_PARTITIONS)
    return {name.lower(): place for place, name in enumerate(names)}


@dataclass(frozen=True, slots=True)
class _Union:
    """What takes the place of one scan of a wildcard table.

    Args:
        holder: a message for any scan.
        whole: the scan whose place it takes.
        read: what is read of its table.
        numbers: of new tables and columns.
    """

    holder: Node
    whole: Node
    read: ReadShards
    numbers: Numbers

    def scan(self) -> Node:
        """The union; of one shard alone, that shard's scan, whose columns are called as they are above."""
        columns = list(tree.get(self.whole, "column_list"))
        if len(self.read.shards) == 1:
            return self._of_shard(self.read.shards[0], columns)
        columns = columns or [self._suffix_column()]  # a set operation without columns cannot be written
        union = type(self.holder)().resolved_set_operation_scan_node
        union.op_type = union.DESCRIPTOR.fields_by_name["op_type"].enum_type.values_by_name["UNION_ALL"].number
        union.parent.column_list.extend(columns)
        for shard in self.read.shards:
            item, inner = union.input_item_list.add(), [self._renamed(column, shard) for column in columns]
            hold(item.scan, self._of_shard(shard, inner))
            item.output_column_list.extend(inner)
        return union

    def _of_shard(self, shard: TableFacts, columns: Sequence[Node]) -> Node:
        """Rows of one shard: its columns, NULL for those that it lacks, and its suffix."""
        places = _places(shard)
        scan = type(self.holder)().resolved_table_scan_node
        scan.table.name, scan.table.full_name = shard.id.table, str(shard.id)
        scan.table.serialization_id = self.numbers.of_table(shard.id)
        stored = [column for column in columns if column.name.lower() in places]
        scan.parent.column_list.extend(stored)
        scan.column_index_list.extend(places[column.name.lower()] for column in stored)
        if len(stored) == len(columns):
            return scan
        project = type(self.holder)().resolved_project_scan_node
        project.parent.column_list.extend(columns)
        for column in columns:
            if column.name.lower() not in places:
                self._compute(project.expr_list.add(), column, shard)
        hold(project.input_scan, scan)
        return project

    def _compute(self, item: Node, column: Node, shard: TableFacts) -> None:
        """A constant as a column: the shard's suffix, or NULL."""
        item.column.CopyFrom(column)
        literal = item.expr.resolved_literal_node
        literal.parent.type.CopyFrom(column.type)
        literal.parent.type_annotation_map.SetInParent()
        literal.value.type.CopyFrom(column.type)
        literal.value.value.SetInParent()
        if column.name.upper() == SUFFIX:
            literal.value.value.string_value = self.read.wildcard.suffix(shard.id)

    def _renamed(self, column: Node, shard: TableFacts) -> Node:
        """A column of the union as the scan of a shard calls it."""
        inner = copied(column)
        inner.column_id, inner.table_name = self.numbers.of_column(), shard.id.table
        return inner

    def _suffix_column(self) -> Node:
        column = type(self.whole)().parent.column_list.add()
        column.column_id, column.name, column.table_name = self.numbers.of_column(), SUFFIX, self.whole.table.name
        fill_type(column.type, SqlType(Kind.STRING))
        return column
