"""Functions and names of types that BigQuery has and the analyzer has not: told to it in each catalogue.

https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all
https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#integer_types
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bigpato_magic.resolved.values import fill_type
from bigpato_magic.types import Kind, SqlType

# `FunctionEnums.Mode` of zetasql/proto/function.proto.
SCALAR, AGGREGATE = 1, 2
# How the analyzer's own catalogue calls functions whose body is text, and its own ones.
TEMPLATED, _BUILT_IN = "Templated_SQL_Function", "ZetaSQL"


@dataclass(frozen=True, slots=True)
class Added:
    """A function.

    Args:
        name: BigQuery's, in lower case.
        arguments: their names, and types as GoogleSQL spells them; None takes any.
        result: its type.
        body: over the arguments' names; without one a rule must know the function.
        aggregate: it is one.
        constant: the last argument must be a constant that is not NULL.
        source: Google's page.
    """

    name: str
    arguments: tuple[tuple[str, str | None], ...]
    result: str | None
    source: str
    body: str = ""
    aggregate: bool = False
    constant: bool = False


_DOCS = "https://cloud.google.com/bigquery/docs/reference/standard-sql/"
_TWO = (("x", None), ("y", None))
FUNCTIONS = (
    Added("max_by", _TWO, None, _DOCS + "aggregate_functions#max_by", body="ANY_VALUE(x HAVING MAX y)", aggregate=True),
    Added("min_by", _TWO, None, _DOCS + "aggregate_functions#min_by", body="ANY_VALUE(x HAVING MIN y)", aggregate=True),
    Added(
        "contains_substr",
        (("expression", "STRING"), ("search_value_literal", "STRING")),
        "BOOL",
        _DOCS + "search_functions#contains_substr",
        constant=True,
    ),
)
ALIASES = ("INT", "SMALLINT", "INTEGER", "BIGINT", "TINYINT", "BYTEINT")
"""Of INT64; it knows those of the other types."""
NAMES = frozenset(function.name for function in FUNCTIONS)
BODIES = {function.name: function.body for function in FUNCTIONS if function.body}


def add(catalog: Any) -> None:
    """Put them into a `SimpleCatalogProto`."""
    for function in FUNCTIONS:
        typed = tuple((name, SqlType(Kind(kind)) if kind else None) for name, kind in function.arguments)
        returns = SqlType(Kind(function.result)) if function.result else None
        known = catalog.custom_function.add()
        fill(known, function.name, typed, returns, body=function.body, aggregate=function.aggregate)
        if function.constant:
            known.signature[0].argument[-1].options.must_be_constant = True
            known.signature[0].argument[-1].options.must_be_non_null = True
    for alias in ALIASES:
        named = catalog.named_type.add()
        named.name = alias
        fill_type(named.type, SqlType(Kind.INT64))


def fill(
    known: Any,
    name: str,
    arguments: tuple[tuple[str, SqlType | None], ...],
    returns: SqlType | None,
    *,
    body: str,
    aggregate: bool = False,
) -> None:
    """Write a function into an empty `FunctionProto`.

    Args:
        known: the proto.
        name: without what stands before its dots.
        arguments: names and types; None takes any.
        returns: the type that the body is coerced to, None for its own.
        body: GoogleSQL over the arguments' names, '' where a rule knows the function.
        aggregate: it is one.
    """
    known.name_path.append(name)
    known.group = TEMPLATED if body else _BUILT_IN
    known.mode = AGGREGATE if aggregate else SCALAR
    signature = known.signature.add()
    signature.options.rejects_collation = True
    for argument_name, kind in arguments:
        argument = signature.argument.add()
        _type(argument, kind)
        argument.options.argument_name = argument_name
    _type(signature.return_type, returns)
    if body:
        known.templated_sql_function_argument_name.extend(argument_name for argument_name, _ in arguments)
        known.parse_resume_location.input = body


def _type(argument: Any, kind: SqlType | None) -> None:
    argument.kind = (
        argument.DESCRIPTOR.fields_by_name["kind"]
        .enum_type.values_by_name["ARG_TYPE_FIXED" if kind else "ARG_TYPE_ARBITRARY"]
        .number
    )
    argument.num_occurrences = 1
    if kind:
        fill_type(argument.type, kind)
