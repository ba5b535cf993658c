"""What scans mean, as digests: a bag of rows, and names of the columns that its rows have.

A relation is its rows; which columns go on does not matter to it, nor does what is computed for each row: such a column is
called as what it is computed by. So `SELECT a`, `SELECT b + 1` and `SELECT *` of the same rows are one relation, and a
column of one is that of the other if they have the same name. Names are relative to the scan, so each subtree of a query
has the digest that it would have alone. Whoever reads an ordered relation reads its order, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.digests import digest
from bigpato_magic.resolved.meaning import UNKNOWN, Expressions, Frame, fresh
from bigpato_magic.types import Parameter

Node = Any
# Aggregates of which each computation gives the same value, whatever the order of rows.
_EXACT = frozenset(("$count_star", "bit_and", "bit_or", "bit_xor", "count", "countif", "logical_and", "logical_or"))


@dataclass(frozen=True)
class Form:
    """A relation.

    Args:
        base: digest of the relation that conjuncts are asked of.
        conjuncts: digests of predicates that all are true of its rows, sorted.
        names: canonical names of columns, by their numbers: also of those that do not go on.
        order: digest of the order that its rows come in; None where they come in any.
        filter: of a FilterScan: its own conjuncts, in the order of its expression.
    """

    base: str
    conjuncts: tuple[str, ...]
    names: Mapping[int, str]
    order: str | None = None
    filter: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Of the bag of rows."""
        return digest("where", self.base, *self.conjuncts) if self.conjuncts else self.base

    def without(self, conjuncts: Iterable[str]) -> Form:
        """The relation with the rows, too, of which these of its conjuncts (each once) are not true."""
        left = Counter(self.conjuncts) - Counter(conjuncts)
        return Form(self.base, tuple(sorted(left.elements())), self.names, self.order)

    @property
    def token(self) -> str:
        """Of the rows and their order."""
        return self.digest if self.order is None else digest("ordered", self.digest, self.order)


@dataclass(frozen=True, slots=True)
class QueryPart:
    """A scan of a tree, and what it means.

    Args:
        holder: the message that holds it.
        scan: its node.
        form: what it means.
        closed: it is known, and needs nothing from around it.
        start: the first moment of its own mentions of columns.
        end: the moment behind the last one.
        behind: the place among all scans of the first that is not in it.
    """

    holder: Node
    scan: Node
    form: Form
    closed: bool
    start: int
    end: int
    behind: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A table expression: its form, the numbers of its columns, and among how many alike it is which."""

    body: QueryPart
    columns: Sequence[int]
    level: int
    place: int


class Relations(Expressions):
    """Reads scans; `parts` has all of them, each before those in it.

    Args:
        parameters: with their values.
        today: what CURRENT_DATE() is.
    """

    def __init__(self, parameters: Sequence[Parameter], today: date | None) -> None:
        super().__init__(parameters, today)
        self.uses: Counter[str] = Counter()
        self.entries: dict[str, _Entry] = {}
        self.parts: list[QueryPart] = []

    def scan(self, message: Node) -> Form:
        """The form of a scan, whatever is around it."""
        return self.find(message).form

    def find(self, message: Node) -> QueryPart:
        """Read a scan."""
        node, place, start = tree.node(message), len(self.parts), self.clock
        outer, self.frame = self.frame, Frame()
        self.parts.append(None)  # type: ignore[arg-type] # those inside come behind it
        with self.seeing({}):
            form = _READERS.get(tree.name(node), _unknown)(self, node)
        frame = self.frame
        closed = frame.known and frame.lowest >= self.level and not frame.recursive
        self.parts[place] = QueryPart(message, node, form, closed, start, self.clock, len(self.parts))
        self.frame = outer
        outer.add(frame)
        return self.parts[place]

    def define_entries(self, scan: Node, *users: Node) -> None:
        """Read the table expressions of a WITH.

        Args:
            scan: a WithScan.
            users: scans outside it that may name them, too.
        """
        references = (reference for root in (scan, *users) for reference in tree.walk(root, ("WithRefScan",)))
        # Names are unique in a statement, so those of a WITH inside may be counted again: then they are the same.
        self.uses.update(Counter(r.with_query_name for r in references) - self.uses)
        for entry in scan.with_entry_list:
            body = self.find(entry.with_subquery)
            columns = [column.column_id for column in tree.get(body.scan, "column_list")]
            place = sum(other.body.form.token == body.form.token for other in self.entries.values())
            self.entries[entry.with_query_name] = _Entry(body, columns, self.level, place)

    def over(self, node: Node, rows: Form, handled: Sequence[str], more: Sequence[str] = ()) -> Form:
        """The same rows under a scan that may leave some out; whatever else the scan says makes it another relation.

        Args:
            node: the scan.
            rows: of its input.
            handled: its fields that the caller has read.
            more: predicates.
        """
        if rows.order is not None and not tree.get(node, "is_ordered"):
            rows = Form(digest("ordered once", rows.token), (), rows.names)
        with self.seeing(rows.names):
            rest = self.fields(node, (*handled, "column_list"))
        if rest:
            rows = Form(digest(tree.name(node), rows.digest, *rest), (), rows.names, rows.order)
        return Form(rows.base, tuple(sorted((*rows.conjuncts, *more))), rows.names, rows.order) if more else rows

    def rest(self, node: Node, names: Mapping[int, str], handled: Sequence[str]) -> list[str | bytes]:
        """What else a scan says."""
        with self.seeing(names):
            return self.fields(node, (*handled, "column_list"))

    def exprs(self, names: Mapping[int, str], expressions: Iterable[Node]) -> list[str]:
        """Digests of expressions over these columns."""
        with self.seeing(names):
            return [self.expr(expression) for expression in expressions]

    def computed(self, names: dict[int, str], item: Node, word: str, over: Mapping[int, str]) -> None:
        """Name the column of an aggregate or a window, and that of its error, if it keeps one to itself."""
        column = tree.node(item)
        if tree.name(column) not in ("ComputedColumn", "DeferredComputedColumn"):
            self.frame.known = False
            return
        before = self.subqueries
        with self.seeing(over):
            name = digest(word, self.expr(column.expr))
        call = tree.node(column.expr)
        exact = tree.name(call) == "AggregateFunctionCall" and tree.function_name(call) in _EXACT
        names[column.column.column_id] = name if exact and self.subqueries == before else fresh(name, names)
        if tree.name(column) == "DeferredComputedColumn":
            error = digest("error", names[column.column.column_id])
            names[column.side_effect_column.column_id] = error


# --------------------------------------------------------------------------------- one kind of scan each


def _unknown(r: Relations, node: Node) -> Form:
    """What no one here knows is looked through only for the scans in it."""
    r.fields(node)
    r.frame.known = False
    return Form(UNKNOWN, (), {})


def _single_row(r: Relations, node: Node) -> Form:
    return r.over(node, Form(digest("one row"), (), {}), ())


def _table(r: Relations, node: Node) -> Form:
    if tree.has(node, "for_system_time_expr"):
        r.frame.known = False
    names = {
        column.column_id: digest("column", column.name.lower(), column.type.SerializeToString(deterministic=True))
        for column in tree.get(node, "column_list")
    }
    return r.over(node, Form(digest("table", node.table.full_name), (), names), ("table",))


def _project(r: Relations, node: Node) -> Form:
    rows = r.scan(node.input_scan)
    names = dict(rows.names)
    with r.seeing(rows.names):
        for item in node.expr_list:
            r.define(names, item.column, item.expr)
    return r.over(node, Form(rows.base, rows.conjuncts, names, rows.order), ("input_scan", "expr_list"))


def _filter(r: Relations, node: Node) -> Form:
    rows = r.scan(node.input_scan)
    conjuncts = r.exprs(rows.names, tree.conjuncts(node.filter_expr))
    return replace(r.over(node, rows, ("input_scan", "filter_expr"), conjuncts), filter=tuple(conjuncts))


def _join(r: Relations, node: Node) -> Form:
    left, right = r.scan(node.left_scan), r.scan(node.right_scan)
    names = _marked("L", left.names) | _marked("R", right.names)
    inner = tree.enum(node, "join_type") == "INNER"
    # The condition of an inner join is a filter.
    handled = ("left_scan", "right_scan", *(("join_expr",) if inner else ()))
    on = r.exprs(names, tree.conjuncts(node.join_expr)) if inner and node.HasField("join_expr") else []
    base = digest("JoinScan", left.token, right.token, *r.rest(node, names, handled))
    return Form(base, tuple(sorted(on)), names)


def _marked(mark: str, names: Mapping[int, str]) -> dict[int, str]:
    """Names of one side. No mark is a digit of a digest, so no two names become one."""
    return {number: mark + name for number, name in names.items()}


def _array(r: Relations, node: Node) -> Form:
    rows = r.scan(node.input_scan) if node.HasField("input_scan") else Form(digest("no rows"), (), {})
    names = _marked("L", rows.names)
    arrays = r.exprs(names, node.array_expr_list)
    names |= {c.column_id: digest("element", str(place)) for place, c in enumerate(node.element_column_list)}
    if node.HasField("array_offset_column"):
        names[node.array_offset_column.column.column_id] = digest("offset")
    handled = ("input_scan", "array_expr_list", "element_column_list", "array_offset_column")
    return Form(digest("ArrayScan", rows.token, str(len(arrays)), *arrays, *r.rest(node, names, handled)), (), names)


def _item(r: Relations, item: Node) -> tuple[list[str], list[str | bytes]]:
    """Names of the columns of one input of a set operation, and what else it is."""
    rows = r.scan(item.scan)
    columns = [rows.names.get(r.mention(column), UNKNOWN) for column in item.output_column_list]
    r.frame.known = r.frame.known and UNKNOWN not in columns
    return columns, [rows.token, *r.fields(item, ("scan", "output_column_list"))]


def _set_operation(r: Relations, node: Node) -> Form:
    columns, parts = zip(*(_item(r, item) for item in node.input_item_list), strict=True)
    rest = [*(digest(*part) for part in parts), *r.rest(node, {}, ("input_item_list",))]
    numbers = [column.column_id for column in tree.get(node, "column_list")]
    if tree.enum(node, "op_type") == "UNION_ALL":
        names = {number: digest("union", *same) for number, *same in zip(numbers, *columns, strict=True)}
        return Form(digest("SetOperationScan", *rest), (), names)
    # Rows are compared by all columns.
    compared = [digest(*names) for names in columns]
    names = {number: digest("place", str(place)) for place, number in enumerate(numbers)}
    return Form(digest("SetOperationScan", *compared, *rest), (), names)


def _order_by(r: Relations, node: Node) -> Form:
    rows = r.scan(node.input_scan)
    if rows.order is not None:
        rows = Form(digest("ordered once", rows.token), (), rows.names)
    order = digest("order", *r.exprs(rows.names, node.order_by_item_list))
    rows = r.over(node, rows, ("input_scan", "order_by_item_list"))
    if tree.get(node, "is_ordered"):
        return Form(rows.base, rows.conjuncts, rows.names, order)
    # A subquery's order means nothing by the book, but is what a person sees.
    return Form(digest("ordered once", digest("ordered", rows.digest, order)), (), rows.names)


def _limit(r: Relations, node: Node) -> Form:
    rows = r.scan(node.input_scan)
    base = digest("LimitOffsetScan", rows.token, *r.rest(node, {}, ("input_scan",)))
    return Form(base, (), rows.names, rows.order if tree.get(node, "is_ordered") else None)


def _aggregate(r: Relations, node: Node) -> Form:
    aggregates = node.parent
    rows = r.scan(aggregates.input_scan)
    names, keys = _keys(r, aggregates, rows.names)
    handled = ["input_scan", "group_by_list", "collation_list", "aggregate_list", "grouping_call_list"]
    rest = r.rest(node, names, handled)
    for item in aggregates.aggregate_list:
        r.computed(names, item, "aggregate", rows.names)
    for call in aggregates.grouping_call_list:
        with r.seeing(names):
            names[call.output_column.column_id] = digest("grouping", *r.fields(call, ("output_column",)))
    return Form(digest("AggregateScan", rows.token, str(len(keys)), *keys, *rest), (), names)


def _keys(r: Relations, node: Node, over: Mapping[int, str]) -> tuple[dict[int, str], list[str]]:
    """Names of what is grouped by, and the keys as parts of a digest: they have an order only among grouping sets."""
    sets = bool(node.grouping_set_list or node.rollup_column_list)
    names: dict[int, str] = {}
    keys = []
    for place, item in enumerate(node.group_by_list):
        before = r.subqueries
        with r.seeing(over):
            key = digest("key", r.expr(item.expr))
        if place < len(node.collation_list):
            key = digest(key, node.collation_list[place].SerializeToString(deterministic=True))
        if sets or r.subqueries > before:
            key = fresh(key, names)
        names[item.column.column_id] = key
        keys.append(key)
    return names, keys if sets else sorted(keys)


def _analytic(r: Relations, node: Node) -> Form:
    rows = r.scan(node.input_scan)
    names = dict(rows.names)
    for group in node.function_group_list:
        with r.seeing(rows.names):
            # What a window gives depends on all rows that it sees.
            window = digest("window", rows.token, *r.fields(group, ("analytic_function_list",)))
        for item in group.analytic_function_list:
            r.computed(names, item, window, rows.names)
    return r.over(node, Form(rows.base, rows.conjuncts, names, rows.order), ("input_scan", "function_group_list"))


def _with(r: Relations, node: Node) -> Form:
    r.define_entries(node)
    # RECURSIVE says which names may be used where, and they are resolved.
    return r.over(node, r.scan(node.query), ("with_entry_list", "query", "recursive"))


def _with_reference(r: Relations, node: Node) -> Form:
    entry = r.entries.get(node.with_query_name)
    if entry is None:
        return _unknown(r, node)
    r.frame.known = r.frame.known and entry.body.closed
    rows = entry.body.form
    columns = {c.column_id: number for c, number in zip(tree.get(node, "column_list"), entry.columns, strict=True)}
    r.aliases.update(columns)
    # Those that do not go on stay known: another column must not be called as one of them (`fresh`).
    names = {**rows.names, **{number: rows.names.get(own, UNKNOWN) for number, own in columns.items()}}
    if r.uses[node.with_query_name] == 1 and r.level == entry.level:
        return r.over(node, Form(rows.base, rows.conjuncts, names, rows.order), ("with_query_name",))
    # All that use it see the same rows, also where its body leaves open which they are.
    return r.over(node, Form(digest("shared", rows.token, str(entry.place)), (), names), ("with_query_name",))


def _recursive(r: Relations, node: Node) -> Form:
    first, step = _item(r, node.non_recursive_term), _item(r, node.recursive_term)
    r.frame.recursive = False
    rest = r.rest(node, {}, ("non_recursive_term", "recursive_term"))
    parts = [digest(digest(*columns), digest(*part)) for columns, part in (first, step)]
    return Form(digest("RecursiveScan", *parts, *rest), (), _places(node))


def _recursive_reference(r: Relations, node: Node) -> Form:
    r.frame.recursive = True
    return r.over(node, Form(digest("what is being defined"), (), _places(node)), ())


def _places(node: Node) -> dict[int, str]:
    return {c.column_id: digest("place", str(place)) for place, c in enumerate(tree.get(node, "column_list"))}


def _barrier(r: Relations, node: Node) -> Form:
    return r.over(node, r.scan(node.input_scan), ("input_scan",))


_READERS: Mapping[str, Callable[[Relations, Node], Form]] = {
    "AggregateScan": _aggregate,
    "AnalyticScan": _analytic,
    "ArrayScan": _array,
    "BarrierScan": _barrier,
    "FilterScan": _filter,
    "JoinScan": _join,
    "LimitOffsetScan": _limit,
    "OrderByScan": _order_by,
    "ProjectScan": _project,
    "RecursiveRefScan": _recursive_reference,
    "RecursiveScan": _recursive,
    "SetOperationScan": _set_operation,
    "SingleRowScan": _single_row,
    "TableScan": _table,
    "WithRefScan": _with_reference,
    "WithScan": _with,
}
