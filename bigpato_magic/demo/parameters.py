"""Query parameters: typed in the text, bound by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bigpato_magic.demo.sqltypes import duck_type
from bigpato_magic.errors import QueryError
from bigpato_magic.types import Parameter

if TYPE_CHECKING:
    from sqlglot import exp


def type_parameters(query: exp.Expr, parameters: Sequence[Parameter]) -> None:
    """`@x` becomes `CAST($x AS its type)`; `statement.parse` has called the positional ones `@p1`, `@p2` and so on."""
    from sqlglot import exp

    by_name = {_parameter_name(p, i): p for i, p in enumerate(parameters, 1)}
    for node in list(query.find_all(exp.Parameter)):
        name = node.name.lower()
        if name not in by_name:
            raise QueryError(f"Query parameter '{name}' not found")
        typed = exp.cast(
            exp.Placeholder(this=name), exp.DataType.build(duck_type(by_name[name].type), dialect="duckdb")
        )
        node.replace(typed)


def _parameter_name(parameter: Parameter, position: int) -> str:
    return parameter.name.lower() if parameter.name else f"p{position}"


def parameter_values(parameters: Sequence[Parameter]) -> dict[str, Any] | None:
    """The values by the names that `Engine.bind` gave them."""
    named = {_parameter_name(p, i): p.value for i, p in enumerate(parameters, 1)}
    return named or None
