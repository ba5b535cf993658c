"""What expressions mean, as digests: names of columns come from the scans around (`relations`). Pure.

Whatever is not known here is part of the digest: a field of a node is left out only where `_IGNORED` says so. A kind of
node that is not in `_PLAIN` is never kept. All is visited in one fixed order, so that what comes before what, and which
column is mentioned where, can be told for every scan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.determinism import ANOTHER_EACH_TIME, completed_by_today
from bigpato_magic.resolved.digests import digest, value_digest
from bigpato_magic.resolved.vocabulary import is_bigquerys
from bigpato_magic.types import Kind, Parameter, SqlType

Node = Any
Names = Mapping[int, str]
UNKNOWN = "?"
"""The name of a column that nobody has defined: what mentions it is not kept."""

# Fields that engines may ignore, or that repeat what is said elsewhere in the tree:
# https://github.com/google/zetasql/blob/master/zetasql/resolved_ast/gen_resolved_ast.py
_IGNORED = frozenset(
    {
        "ColumnRef.is_correlated",  # where a column comes from is told by its name
        "JoinScan.has_using",  # "only as a suggestion" to the writer of SQL
        "Literal.float_literal_id",  # a number within one statement
        "Literal.has_explicit_type",  # "resolver bookkeeping", "should be ignored by engines"
        "Literal.preserve_in_literal_remover",
        "Node.parse_location_range",
        "Parameter.is_untyped",  # "resolver bookkeeping"
        "Scan.is_ordered",  # read with the order itself
        "Scan.node_source",  # "where the scan was from or why it was added"
        "SubqueryExpr.parameter_list",  # the columns from outside that are used inside
        "TableScan.alias",
        "TableScan.column_index_list",  # columns of a table are told by their names
    }
)
_PLAIN = frozenset(
    {
        "AggregateFunctionCall",
        "AggregateHavingModifier",
        "AnalyticFunctionCall",
        "Cast",
        "Cube",
        "FunctionArgument",
        "FunctionCall",
        "GetJsonField",
        "GetStructField",
        "GroupingSet",
        "GroupingSetList",
        "GroupingSetMultiColumn",
        "GroupingSetProduct",
        "MakeStruct",
        "Option",
        "OrderByItem",
        "Rollup",
        "WindowFrame",
        "WindowFrameExpr",
        "WindowOrdering",
        "WindowPartitioning",
    }
)
_NEVER = 1 << 30


@dataclass(slots=True)
class Frame:
    """What was seen inside a scan, its inputs and subqueries included.

    Args:
        known: nothing in it is of an unknown kind, or means something else each time.
        lowest: the smallest number of a level of subqueries whose columns it mentions.
        recursive: it reads what is being defined around it.
    """

    known: bool = True
    lowest: int = _NEVER
    recursive: bool = False

    def add(self, inner: Frame) -> None:
        """See what an inner one has seen."""
        self.known = self.known and inner.known
        self.lowest = min(self.lowest, inner.lowest)
        self.recursive = self.recursive or inner.recursive


class Expressions:
    """Reads expressions; a subclass reads the scans of their subqueries.

    Args:
        parameters: with their values.
        today: what CURRENT_DATE() is; None where a query with it is not kept.
    """

    def __init__(self, parameters: Sequence[Parameter], today: date | None) -> None:
        positional = (p for p in parameters if p.name is None)
        self.parameters = {p.name.lower(): p for p in parameters if p.name is not None}
        self.parameters |= {str(place): p for place, p in enumerate(positional, 1)}
        self.today = today
        self.names: Names = {}
        self.above: list[Names] = []
        self.frame = Frame()
        self.clock = 0
        self.mentioned: dict[int, tuple[int, int]] = {}
        self.aliases: dict[int, int] = {}
        self.subqueries = 0

    def scan(self, message: Node) -> Any:
        """A scan's form."""
        raise NotImplementedError

    @property
    def level(self) -> int:
        """How many subqueries of expressions are around."""
        return len(self.above)

    # ----------------------------------------------------------------------------------- columns

    def mention(self, column: Node) -> int:
        """Note that something other than a column list needs a column, and what it is another number of; its number."""
        for number in self.numbers(column.column_id):
            first, _ = self.mentioned.get(number, (self.clock, 0))
            self.mentioned[number] = first, self.clock
        self.clock += 1
        return int(column.column_id)

    def numbers(self, number: int | None) -> Iterator[int]:
        """A column's number, and those that it has where it comes from."""
        while number is not None:
            yield number
            number = self.aliases.get(number)

    def column(self, column: Node) -> str:
        """The name of a column that an expression mentions."""
        number = self.mention(column)
        name = self.names.get(number)
        if name is not None:
            return self._known(name)
        for up, names in enumerate(reversed(self.above), 1):
            if number in names:
                self.frame.lowest = min(self.frame.lowest, self.level - up)
                return digest("outer", str(up), self._known(names[number]))
        return self._known(UNKNOWN)

    def _known(self, name: str) -> str:
        self.frame.known = self.frame.known and name != UNKNOWN
        return name

    @contextmanager
    def seeing(self, names: Names) -> Iterator[None]:
        """Expressions may mention these columns."""
        before, self.names = self.names, names
        yield
        self.names = before

    # ------------------------------------------------------------------------------- expressions

    def expr(self, message: Node) -> str:
        """The digest of an expression, or of a node that stands among expressions."""
        node = tree.node(message)
        kind = tree.name(node)
        if kind == "ColumnRef":
            return self.column(node.column)
        if kind == "Literal":
            return self._value(node, ("value",), self._literal(node))
        if kind == "Parameter":
            return self._value(node, ("name", "position"), self._parameter(node))
        if kind == "SubqueryExpr":
            return self._subquery(node)
        if kind == "WithExpr":
            return self._with_expr(node)
        if kind in tree.CALLS and not self._repeatable(node):
            if self._is_today(node):
                return self._value(node, _CALL, value_digest(self.today, SqlType(Kind.DATE)))
            self.frame.known = False
        if kind == "Cast" and completed_by_today(node):
            self.frame.known = False
        self.frame.known = self.frame.known and kind in _PLAIN
        return digest(kind, *self.fields(node))

    def _value(self, node: Node, handled: Collection[str], value: str) -> str:
        return digest("value", value, *self.fields(node, handled))

    def _literal(self, node: Node) -> str:
        try:
            return value_digest(tree.literal(node), tree.type_of(node))
        except tree.UnknownType:
            return digest(_bytes(node.value))

    def _parameter(self, node: Node) -> str:
        parameter = self.parameters.get(node.name.lower() or str(node.position))
        try:
            if parameter is not None and parameter.type == tree.type_of(node):
                return value_digest(parameter.value, parameter.type)
        except (tree.UnknownType, TypeError, ValueError, LookupError, AttributeError):
            pass
        self.frame.known = False
        return UNKNOWN

    def _subquery(self, node: Node) -> str:
        self.subqueries += 1
        before = [self.expr(node.in_expr)] if node.HasField("in_expr") else []
        self.above.append(self.names)
        with self.seeing({}):
            inner = self.scan(node.subquery)
            values = []
            if tree.enum(node, "subquery_type") != "EXISTS":
                columns = tree.get(tree.node(node.subquery), "column_list")
                values = [self._known(inner.names.get(self.mention(c), UNKNOWN)) for c in columns]
        self.above.pop()
        rest = self.fields(node, ("in_expr", "subquery"))
        return digest("SubqueryExpr", inner.token, str(len(values)), *values, str(len(before)), *before, *rest)

    def _with_expr(self, node: Node) -> str:
        names = dict(self.names)
        with self.seeing(names):
            for item in node.assignment_list:
                self.define(names, item.column, item.expr)
            # Which values are named does not matter, but that each is computed once does.
            value = self.expr(node.expr)
        return digest("WithExpr", value, *self.fields(node, ("assignment_list", "expr")))

    def define(self, names: dict[int, str], column: Node, expr: Node) -> None:
        """Name a column that is computed for each row.

        It is called as what it is computed by; but a subquery may choose among rows, so that its value is one thing, and
        computed again another.
        """
        before = self.subqueries
        name = self.expr(expr)
        certain = self.subqueries == before
        names[column.column_id] = name if certain else fresh(digest("computed", name), names)

    def _repeatable(self, call: Node) -> bool:
        name = str(tree.get(call, "function").name)
        plain = tree.function_name(call)
        return (
            name.startswith("ZetaSQL:")
            and is_bigquerys(plain)
            and plain not in ANOTHER_EACH_TIME
            and not plain.startswith("keys.")
        )

    def _is_today(self, call: Node) -> bool:
        return (
            self.today is not None
            and tree.function_name(call) == "current_date"
            and not tree.get(call, "argument_list")
            and not tree.get(call, "generic_argument_list")
        )

    # ------------------------------------------------------------------------------------ fields

    def fields(self, node: Node, handled: Collection[str] = ()) -> list[str | bytes]:
        """All that is set in a node and not told otherwise, what it inherits included.

        Args:
            node: of any kind.
            handled: names of fields that its caller reads.
        """
        told: list[str | bytes] = []
        for field, value in node.ListFields():
            way, name, repeated, default = _reading(field)
            if way == "ignored" or name in handled:
                continue
            if way == "parent":
                told += self.fields(value, handled)
            elif repeated:
                told += name, str(len(value)), *[self._field(way, item) for item in value]
            elif way == "bytes":
                # A message that is empty says nothing.
                told += (name, content) if (content := _bytes(value)) else ()
            elif way != "scalar" or value != default:
                told += name, self._field(way, value)
        return told

    def _field(self, way: str, value: Any) -> str | bytes:
        if way == "scalar":
            return repr(value)
        if way == "bytes":
            return _bytes(value)
        if way == "node":
            return self.expr(value)
        self.frame.known = False
        if way == "scan":
            self.scan(value)
        elif way == "column":
            self.mention(value)
        return UNKNOWN


_CALL = (
    "argument_list",
    "collation_list",
    "error_mode",
    "function",
    "function_call_info",
    "generic_argument_list",
    "hint_list",
    "signature",
)


def fresh(name: str, names: Mapping[int, str]) -> str:
    """A name that no column has yet: the same one, or the same again and again."""
    taken = set(names.values())
    while name in taken:
        name = digest(name, "again")
    return name


def _bytes(message: Node) -> bytes:
    return bytes(message.SerializeToString(deterministic=True))


@cache
def _reading(field: Any) -> tuple[str, str, bool, Any]:
    """How a field is read, its name, whether it is a list, and what it is where it is not set."""
    return _way(field), str(field.name), bool(field.is_repeated), None if field.message_type else field.default_value


def _way(field: Any) -> str:
    """By its type, which is the same for all messages of a class."""
    owner = field.containing_type.name.removeprefix("Resolved").removesuffix("Proto")
    if f"{owner}.{field.name}" in _IGNORED:
        return "ignored"
    inner = field.message_type
    if inner is None:
        return "scalar"
    if field.name == "parent":
        return "parent"
    if inner.name == "ResolvedColumnProto":
        return "column"
    if not inner.file.name.endswith("resolved_ast.proto"):
        # What refers to an entry of a catalogue has its number there.
        return "reference" if inner.name.endswith("RefProto") and inner.name != "FunctionRefProto" else "bytes"
    return "scan" if inner.name.endswith("ScanProto") else "node"
