"""A random query as a tree, and how it becomes smaller: what differs is shrunk until nothing can be left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.faithfulness.fuzz_grammar import COMMON


@dataclass(frozen=True)
class Tree:
    """An expression: a text with places for its branches."""

    text: str
    type: str
    branches: tuple[Tree, ...] = ()

    def __str__(self) -> str:
        return self.text.format(*map(str, self.branches)) if self.branches else self.text


WHOLE = Tree("t", "")


@dataclass(frozen=True)
class Query:
    """A query over the tables `t` and `r`, the parts of which can be left out one by one.

    Args:
        outputs: c0, c1, … after the keys.
        source: its FROM.
        keys: of GROUP BY.
        grouping: ROLLUP and its like, with places for the keys, or nothing.
        total: items of an ORDER BY that leaves nothing open.
        limit: LIMIT and OFFSET; only with `total`.
        other: another query with columns of the same types, and the set operation between.
        inner: the query that the source `q` is.
        piped: the operator that computes its outputs, if it is written as a pipe: AGGREGATE or EXTEND. It has no
            `total`, `having`, `qualify` or `other` then.
    """

    outputs: tuple[Tree, ...]
    source: Tree = WHOLE
    where: Tree | None = None
    keys: tuple[Tree, ...] = ()
    grouping: str = ""
    having: Tree | None = None
    qualify: Tree | None = None
    distinct: bool = False
    total: str = ""
    limit: str = ""
    other: tuple[str, Query] | None = None
    inner: Query | None = None
    piped: str = ""

    def __str__(self) -> str:
        text = self._text()
        return f"WITH q AS ({self.inner.needed(text)}) {text}" if self.inner else text

    def needed(self, outside: str) -> Query:
        """The same, with NULL for what is not mentioned outside: BigQuery leaves it out, the evaluator computes it."""
        places = enumerate(self.outputs, len(self.keys))
        kept = (tree if re.search(rf"\b[qp]\.c{i}\b", outside) else Tree("NULL", tree.type) for i, tree in places)
        return replace(self, outputs=tuple(kept))

    @property
    def _names(self) -> list[str]:
        letter = "d" if self.inner else "c"
        return [f"{letter}{i}" for i in range(len(self.keys) + len(self.outputs))]

    def _text(self) -> str:
        if self.piped:
            return self._pipe()
        parts = [
            f"SELECT {'DISTINCT ' if self.distinct else ''}{self._listed((*self.keys, *self.outputs))} FROM {self.source}",
            f" WHERE {self.where}" if self.where else "",
            f" GROUP BY {self._group()}" if self.keys else "",
            f" HAVING {self.having}" if self.having else "",
            f" QUALIFY {self.qualify}" if self.qualify else "",
            f" {self.other[0]} ({self.other[1]})" if self.other else "",
            f" ORDER BY {self.total}" if self.total else "",
            self.limit if self.total else "",
        ]
        return "".join(parts)

    def _pipe(self) -> str:
        keys = self._listed(self.keys)
        grouped = f" |> AGGREGATE {self._listed(self.outputs, len(self.keys))}{f' GROUP BY {keys}' if keys else ''}"
        plain = f" |> EXTEND {self._listed(self.outputs)} |> SELECT {', '.join(self._names)}"
        where = f" |> WHERE {self.where}" if self.where else ""
        return f"FROM {self.source}{where}{grouped if self.piped == 'AGGREGATE' else plain}"

    def _listed(self, trees: Sequence[Tree], first: int = 0) -> str:
        return ", ".join(f"{tree} AS {name}" for tree, name in zip(trees, self._names[first:], strict=False))

    def _group(self) -> str:
        names = self._names[: len(self.keys)]
        return self.grouping.format(*names) if self.grouping else ", ".join(names)


@dataclass(frozen=True)
class Rows:
    """Rows of both tables as GoogleSQL texts of STRUCTs, and values for parameters."""

    t: tuple[str, ...]
    r: tuple[str, ...]
    given: tuple[str, ...]


# ------------------------------------------------------------------------------------------------- shrinking


def smaller(query: Query) -> Iterator[Query]:
    """The query with one thing less, the largest steps first."""
    if query.inner:
        yield query.inner
        yield from (replace(query, inner=less) for less in smaller(query.inner))
    if query.other:
        yield replace(query, other=None)
        yield from (replace(query, other=(query.other[0], less)) for less in smaller(query.other[1]))
    yield from _without_clauses(query)
    yield from _without_items(query)
    for i, tree in enumerate(query.outputs):
        for less in simpler(tree):
            yield replace(query, outputs=(*query.outputs[:i], less, *query.outputs[i + 1 :]))
    for name in ("where", "having", "qualify"):
        clause = getattr(query, name)
        yield from (_with(query, name, less) for less in (simpler(clause) if clause else ()))
    for i, tree in enumerate(query.keys):
        yield from (replace(query, keys=(*query.keys[:i], less, *query.keys[i + 1 :])) for less in simpler(tree))
    yield from (replace(query, source=less) for less in simpler(query.source))


def _without_clauses(query: Query) -> Iterator[Query]:
    for name in ("where", "having", "qualify"):
        if getattr(query, name):
            yield _with(query, name, None)
    if query.limit:
        yield replace(query, limit="")
    if query.total:
        yield replace(query, total="", limit="")
    if query.distinct:
        yield replace(query, distinct=False)
    if query.grouping:
        yield replace(query, grouping="")
    if query.piped:
        yield replace(query, piped="")
    yield from (replace(query, source=less) for less in _narrower(query.source))


def _with(query: Query, part: str, value: Any) -> Query:
    return replace(query, **{part: value})


def _narrower(source: Tree) -> Iterator[Tree]:
    """A table alone, by one of the names that the source gives."""
    names = dict.fromkeys(re.findall(r"\b[xy]\d+(?=\.)", str(source)) or ["x1"])
    for name in names:
        if str(source) not in (f"t AS {name}", f"r AS {name}", "q"):
            yield from (Tree(f"{table} AS {name}", "") for table in "tr")


def _without_items(query: Query) -> Iterator[Query]:
    for name in ("outputs", "keys"):
        trees = getattr(query, name)
        for i in range(len(trees)):
            if len(trees) > 1 or name == "keys":
                yield _with(query, name, trees[:i] + trees[i + 1 :])


def simpler(tree: Tree) -> Iterator[Tree]:
    """The tree with a branch in its own place, or one of its branches simpler."""
    yield from (branch for branch in tree.branches if branch.type == tree.type)
    for i, branch in enumerate(tree.branches):
        leaves = () if not branch.branches or not branch.type else (Tree(COMMON[branch.type][0], branch.type),)
        for less in (*leaves, *simpler(branch)):
            yield replace(tree, branches=(*tree.branches[:i], less, *tree.branches[i + 1 :]))


def fewer(rows: Rows) -> Iterator[Rows]:
    """The same without one row."""
    for i in range(len(rows.t)):
        yield replace(rows, t=rows.t[:i] + rows.t[i + 1 :])
    for i in range(len(rows.r)):
        yield replace(rows, r=rows.r[:i] + rows.r[i + 1 :])
