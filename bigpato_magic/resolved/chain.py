"""The outermost scans of a query as a chain, each with one input, made as long and as useful as it can be.

A WITH comes off, a table expression that is used once takes its place in the chain, and a LIMIT without ORDER BY
moves down.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.scans import properties
from bigpato_magic.resolved.side_effects import raise_at_once

Node = Any


def straightened(statement: Node) -> tuple[Node, Node | None]:
    """A copy of a statement whose outermost scans are a chain; and a copy of the scan of its WITH, if it has one."""
    chain = copied(statement)
    scan = tree.node(statement.query)
    entries = copied(scan) if tree.name(scan) == "WithScan" else None
    if entries is not None:
        chain.query.CopyFrom(entries.query)
        entries.ClearField("query")
        while _inline(chain, entries):
            pass
    raise_at_once(chain)
    for holder in holders(chain):
        _limit_first(holder)
    return chain, entries


def holders(statement: Node) -> Iterator[Node]:
    """The messages that hold the outermost scans, from the top down to the first that has not one input."""
    holder = statement.query
    yield holder
    while properties(tree.name(tree.node(holder))).comes_off and tree.has(tree.node(holder), "input_scan"):
        holder = tree.get(tree.node(holder), "input_scan")
        yield holder


# --------------------------------------------------------------------------------- table expressions


def _inline(statement: Node, entries: Node) -> bool:
    """Put a table expression in the place where the chain ends with its name, if it is used nowhere else.

    Returns:
        Whether the chain has become longer.
    """
    *_, last = holders(statement)
    reference = tree.node(last)
    if tree.name(reference) != "WithRefScan" or _uses(reference.with_query_name, statement, entries) != 1:
        return False
    place = next(i for i, e in enumerate(entries.with_entry_list) if e.with_query_name == reference.with_query_name)
    body = tree.node(entries.with_entry_list[place].with_subquery)
    own = [*tree.get(body, "column_list")]
    if tree.name(body) == "RecursiveScan" or len({column.column_id for column in own}) < len(own):
        return False
    names = {c.column_id: mine for c, mine in zip(tree.get(reference, "column_list"), own, strict=True)}
    hold(last, body)
    _base(tree.node(last)).is_ordered = False
    for column in tree.walk(statement, ("Column",)):
        if column.column_id in names:
            column.CopyFrom(names[column.column_id])
    del entries.with_entry_list[place]
    return True


def _uses(name: str, *places: Node) -> int:
    return sum(
        reference.with_query_name == name for place in places for reference in tree.walk(place, ("WithRefScan",))
    )


def with_entries(scan: Node, entries: Node) -> Node:
    """A scan under the WITH, of which the entries stay that it needs; the scan itself where it needs none."""
    wrapped = over(entries, scan, scan, "query")
    drop_unused(wrapped)
    return wrapped if wrapped.with_entry_list else scan


def drop_unused(scan: Node) -> None:
    """Take the table expressions that nothing needs out of a WithScan."""
    kept = _needed(scan)
    for place in reversed(range(len(scan.with_entry_list))):
        if scan.with_entry_list[place].with_query_name not in kept:
            del scan.with_entry_list[place]


def _needed(scan: Node) -> set[str]:
    bodies = {entry.with_query_name: entry for entry in scan.with_entry_list}
    todo, names = [scan.query], set()
    while todo:
        for reference in tree.walk(tree.node(todo.pop()), ("WithRefScan",)):
            if reference.with_query_name not in names and reference.with_query_name in bodies:
                names.add(reference.with_query_name)
                todo.append(bodies[reference.with_query_name].with_subquery)
    return names


# -------------------------------------------------------------------------------------------- limits


def _limit_first(holder: Node) -> None:
    """Let a LIMIT without ORDER BY come before the projection below it: any rows are right, and fewer are projected."""
    limit = tree.node(holder)
    if tree.name(limit) != "LimitOffsetScan":
        return
    project = tree.node(limit.input_scan)
    if tree.name(project) == "ProjectScan" and not tree.get(project, "is_ordered"):
        rows = tree.node(project.input_scan)
        hold(holder, over(project, over(limit, rows, rows), project))


# ------------------------------------------------------------------------------------------- moving


def over(scan: Node, rows: Node, columns: Node, field: str = "input_scan") -> Node:
    """A copy of a scan over other rows, with another scan's columns.

    Args:
        scan: copied, but for its input and its columns.
        rows: the scan that becomes its input.
        columns: a scan, whose column list it gets.
        field: which of its fields holds the input.
    """
    copy = copied(scan)
    hold(getattr(copy, field), rows)
    kept = [*tree.get(columns, "column_list")]
    del copy.parent.column_list[:]
    copy.parent.column_list.extend(kept)
    return copy


def hold(holder: Node, scan: Node) -> None:
    """Put a scan into a message for any scan, in place of what it holds."""
    empty = type(holder)()
    _place(empty, scan).CopyFrom(scan)
    holder.CopyFrom(empty)


def _place(holder: Node, scan: Node) -> Node:
    """Where a scan goes in a message for any scan; some kinds have wrappers of their own."""
    for field in holder.DESCRIPTOR.fields:
        if field.message_type is scan.DESCRIPTOR:
            return getattr(holder, field.name)
        inner = field.message_type.oneofs_by_name.get("node")
        if inner is not None and any(f.message_type is scan.DESCRIPTOR for f in inner.fields):
            return _place(getattr(holder, field.name), scan)
    raise ValueError(f"no place for a {tree.name(scan)}")


def _base(scan: Node) -> Node:
    """What a scan has in common with all others."""
    while "is_ordered" not in scan.DESCRIPTOR.fields_by_name:
        scan = scan.parent
    return scan


def copied(message: Node) -> Node:
    """A deep copy of a message."""
    copy = type(message)()
    copy.CopyFrom(message)
    return copy
