"""Table expressions of which several places see the same rows: they are kept together, or not at all.

`WITH q AS (SELECT a FROM t LIMIT 5)` is five rows, the same in each place that reads `q`. A kept relation is made of the
five that there were once; another place would compute five anew. So a part may be read from there only if no place
outside it reads what is read in it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from bigpato_magic.resolved import tree

Node = Any


class SharedExpressions:
    """The table expressions of a statement, and how often each is read where.

    Args:
        statement: whose names of table expressions are unique, as the analyzer makes them.
    """

    def __init__(self, statement: Node) -> None:
        self._bodies = {entry.with_query_name: tree.node(entry.with_subquery) for entry in _entries(statement)}
        self._reads = _reads(statement)
        self._of_bodies = {name: _reads(body) for name, body in self._bodies.items()}
        self._in_bodies = {name: _defined(body) for name, body in self._bodies.items()}

    def alone(self, part: Node) -> bool:
        """Whether all places that read what a scan reads of table expressions, directly or by another, are in it."""
        if not self._bodies:
            return True
        inside, reads = _defined(part), _reads(part)
        outer = self._reached(reads, inside)
        for name in self._outermost(outer):
            reads = reads + self._of_bodies[name]
        return all(reads[name] == self._reads[name] for name in outer)

    def _reached(self, reads: Counter[str], inside: set[str]) -> set[str]:
        """What is read, also by what is read, and not defined in the part."""
        reached: set[str] = set()
        todo = [name for name in reads if name in self._bodies]
        while todo:
            name = todo.pop()
            if name not in reached and name not in inside:
                reached.add(name)
                todo += self._of_bodies[name]
        return reached

    def _outermost(self, names: set[str]) -> set[str]:
        """Without those that are defined in the body of another: that body has their own reads too."""
        return {name for name in names if not any(name in self._in_bodies[other] for other in names)}


def _entries(node: Node) -> list[Node]:
    return list(tree.walk(node, ("WithEntry",)))


def _defined(node: Node) -> set[str]:
    return {entry.with_query_name for entry in _entries(node)}


def _reads(node: Node) -> Counter[str]:
    return Counter(reference.with_query_name for reference in tree.walk(node, ("WithRefScan",)))
