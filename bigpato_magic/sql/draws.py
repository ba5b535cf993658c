"""RAND(): each row has a draw of its own, in a column below what mentions it, so that it is one value wherever it is read.

DuckDB's optimizer moves a condition that calls `random()` above a join, where each pair of rows would have its own draw; a
column that is drawn below stays where it is (`tests/sql/test_draws.py`). Any draw is a right answer:
https://cloud.google.com/bigquery/docs/reference/standard-sql/mathematical_functions#rand
A WITH entry that draws may be evaluated once or for each reference, which BigQuery leaves open too:
https://cloud.google.com/bigquery/docs/best-practices-performance-compute
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.sql.compiler import Compiler
from bigpato_magic.sql.expr import Expr, Facts
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.relation import Relation
from bigpato_magic.types import Kind, SqlType

Node = Any
RAND = "rand"
RULE = "rand()"
"""Its name among the rules that an answer rests on."""
_DRAW = Expr("random()", SqlType(Kind.FLOAT64), Facts(nulls=False, nan=False, magnitude=1.0))


def drawn_below(c: Compiler, relation: Relation, exprs: Iterable[Node]) -> Relation:
    """The relation with a column for each RAND() of expressions over it, which are then compiled by `draw`.

    Args:
        c: the compiler.
        relation: what the expressions are over.
        exprs: expressions of the resolved tree.

    Raises:
        Unsupported: its order would be lost.
    """
    c.drawn = []
    count = sum(_draws(each) for each in exprs) if c.draws else 0
    if not count:
        return relation
    if relation.order and not relation.limit:
        refuse("RAND() above an ORDER BY")
    if not (relation.open and c.simple(relation)):
        relation = c.wrap(relation)
    c.drawn = [c.own_column() for _ in range(count)]
    c.columns.update(dict.fromkeys(c.drawn, _DRAW))
    # For DuckDB it is volatile, and the next run of the same text is another answer.
    c.seen.guarded = True
    return c.wrap(relation, [*relation.columns, *c.drawn])


def _draws(expr: Node) -> int:
    return sum(tree.function_name(call) == RAND for call in tree.walk(expr, ("FunctionCall",)))


def draw(c: Compiler) -> Expr:
    """One RAND().

    Raises:
        Unsupported: it stands where no column was made for it.
    """
    c.use(RULE)
    if not (c.draws and c.drawn):
        refuse("RAND() elsewhere than in a SELECT list or a condition on rows")
    return c.columns[c.drawn.pop()]
