"""The analyzer's other services around a text: Google's formatter, and the functions that there are."""

from __future__ import annotations

from typing import Any

from bigpato_magic.googlesql import options
from bigpato_magic.googlesql.analysis import asking
from bigpato_magic.googlesql.source import SourceText


def format_sql(sql: str) -> str:
    """The text as Google's formatter lays it out; text that is half written is laid out as far as it goes.

    Raises:
        QueryError: the text cannot even be cut into words.
        AnalyzerUnavailable: the analyzer is not ready, or gave up.
    """
    with asking(SourceText(sql, sql)) as instance:
        return str(instance.call("LenientFormatSql", sql=sql).sql)


def builtin_functions() -> dict[str, tuple[str, ...]]:
    """All functions that the analyzer knows as BigQuery's, by upper-case name, each with the texts of its signatures.

    Operators and the like, whose names begin with `$`, are not among them.

    Raises:
        AnalyzerUnavailable: the analyzer is not ready.
    """
    with asking(SourceText("", "")) as instance:
        answer = instance.call("GetBuiltinFunctions", options.function_options(instance))
    named = ((".".join(function.name_path).upper(), function) for function in answer.function)
    signatures = {name: tuple(_signature(s) for s in function.signature) for name, function in named if name[0] != "$"}
    return dict(sorted(signatures.items()))


def _signature(signature: Any) -> str:
    arguments = ", ".join(_argument(argument) for argument in signature.argument)
    return f"({arguments}) -> {_argument(signature.return_type)}"


def _argument(argument: Any) -> str:
    """`INT64`, `[STRING]` where it may be left out, `ANY…` where it may be repeated."""
    from bigpato_magic.resolved.values import type_name

    text = type_name(argument.type) if argument.HasField("type") else _any(argument)
    cardinality = argument.options.cardinality
    return f"[{text}]" if cardinality == _OPTIONAL else f"{text}…" if cardinality == _REPEATED else text


# `FunctionEnums.ArgumentCardinality` of zetasql/proto/function.proto.
_REPEATED, _OPTIONAL = 1, 2


def _any(argument: Any) -> str:
    kinds = argument.DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_number
    name = str(kinds[argument.kind].name).removeprefix("ARG_").removeprefix("TYPE_")
    return {"ARBITRARY": "ANY"}.get(name, name)
