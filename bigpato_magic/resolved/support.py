"""What the evaluator may answer in BigQuery's place: a closed world, as it knows more than BigQuery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.vocabulary import PURE

# Parts of the language that BigQuery lacks, or answers otherwise each time.
_FOREIGN = {
    "InlineLambda": "a lambda",
    "MatchRecognizeScan": "MATCH_RECOGNIZE",
    "RecursiveScan": "WITH RECURSIVE, whose depth BigQuery limits",
    "SampleScan": "TABLESAMPLE",
}
_SETS = frozenset({"EXCEPT_DISTINCT", "INTERSECT_DISTINCT", "UNION_ALL", "UNION_DISTINCT"})


def foreign(statement: Any) -> str | None:
    """What of a resolved statement is left to BigQuery, as a person reads it; None where there is nothing."""
    return next(_foreign(statement), None)


def _foreign(statement: Any) -> Iterator[str]:
    for node in tree.walk(statement, (*tree.CALLS, *_FOREIGN, "SetOperationScan")):
        kind = tree.name(node)
        if kind in _FOREIGN:
            yield _FOREIGN[kind]
        elif kind == "SetOperationScan":
            if tree.enum(node, "op_type") not in _SETS:
                yield tree.enum(node, "op_type").replace("_", " ")
        elif not _known(name := tree.function_name(node)):
            yield name.rpartition(":")[2].upper()


def _known(function: str) -> bool:
    return function in PURE or function.startswith("$")
