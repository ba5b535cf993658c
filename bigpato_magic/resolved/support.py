"""What the evaluator may answer in BigQuery's place: a closed world, as it knows more than BigQuery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.format_elements import unknown_element
from bigpato_magic.resolved.vocabulary import PURE

# Parts of the language that BigQuery lacks, or answers otherwise each time.
_FOREIGN = {
    "InlineLambda": "a lambda",
    "MatchRecognizeScan": "MATCH_RECOGNIZE",
    "RecursiveScan": "WITH RECURSIVE, whose depth BigQuery limits",
    "SampleScan": "TABLESAMPLE",
}
_SETS = frozenset({"EXCEPT_DISTINCT", "INTERSECT_DISTINCT", "UNION_ALL", "UNION_DISTINCT"})
# What takes a format as its first argument.
_TYPES = ("date", "datetime", "time", "timestamp")
_FORMATTED = {f"{verb}_{kind}": verb == "parse" for verb in ("format", "parse") for kind in _TYPES}
"""Whether it reads by it."""
# What takes a default as its third argument, and what is in one that is no constant.
_WITH_DEFAULT = ("lead", "lag")
_VARYING = ("ColumnRef", "SubqueryExpr")


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
        elif has_varying_default(node):
            yield f"{name.upper()} whose default is not a constant"
        elif name in _FORMATTED and (why := _format_left_open(node, reading=_FORMATTED[name])):
            yield f"{name.upper()} with {why}"


def has_varying_default(call: Any) -> bool:
    """Whether a call is LEAD or LAG with a default that need not be one value for all rows: BigQuery takes constants only.

    https://cloud.google.com/bigquery/docs/reference/standard-sql/navigation_functions#lead

    Args:
        call: a call of a function.
    """
    if tree.function_name(call).rpartition(":")[2] not in _WITH_DEFAULT:
        return False
    default = list(tree.get(call, "argument_list"))[2:]
    return any(next(tree.walk(each, _VARYING), None) is not None for each in default)


def _format_left_open(call: Any, *, reading: bool) -> str | None:
    """What a format holds that the evaluator may write or read otherwise than BigQuery; None where there is nothing."""
    form = tree.node(tree.get(call, "argument_list")[0])
    if tree.name(form) != "Literal":
        return "a format that is not a constant"
    element = unknown_element(tree.literal(form) or "", reading=reading)
    return None if element is None else f"the format element %{element}"


def _known(function: str) -> bool:
    return function in PURE or function.startswith("$")
