"""What an editor asks of Google's analyzer: to lay a text out, and which functions BigQuery has."""

from __future__ import annotations

from typing import Any

from bigpato_magic.errors import AnalyzerUnavailable, QueryError
from bigpato_magic.googlesql import options
from bigpato_magic.googlesql.instance import Refusal
from bigpato_magic.googlesql.service import lend

_NAMES = {"DOUBLE": "FLOAT64", "TIMESTAMP_PICOS": "TIMESTAMP"}


def format_sql(sql: str) -> str:
    """The text in the layout of Google's formatter; comments and what it cannot read stay as they are.

    Raises:
        AnalyzerUnavailable: the analyzer is not ready.
        QueryError: the formatter refuses the text.
    """
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as protos

    with lend() as instance:
        try:
            answer = instance.call("LenientFormatSql", protos.FormatSqlRequest(sql=sql), protos.FormatSqlResponse)
        except Refusal as refusal:
            raise QueryError(f"it cannot be laid out: {refusal.message.splitlines()[0]}", sql=sql) from None
    return str(answer.sql)


def signatures() -> dict[str, tuple[str, ...]]:
    """BigQuery's functions by name in capitals, each with its signatures, as `(STRING, INT64) → STRING`.

    Raises:
        AnalyzerUnavailable: the analyzer is not ready.
    """
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as protos
    from zetasql.wasi._pb2.zetasql.proto.simple_catalog_pb2 import SimpleCatalogProto

    request = SimpleCatalogProto().builtin_function_options
    with lend() as instance:
        request.language_options.CopyFrom(options.language_options(instance))
        try:
            answer = instance.call("GetBuiltinFunctions", request, protos.GetBuiltinFunctionsResponse)
        except Refusal as refusal:
            raise AnalyzerUnavailable(f"the functions cannot be listed: {refusal.message}") from None
    named = (f for f in answer.function if not f.name_path[-1].startswith("$"))
    return {".".join(f.name_path).upper(): tuple(_signature(s) for s in f.signature) for f in named}


def _signature(signature: Any) -> str:
    return f"({', '.join(_argument(a) for a in signature.argument)}) → {_type(signature.return_type)}"


def _argument(argument: Any) -> str:
    """OPTIONAL in brackets, REPEATED with dots, as BigQuery's pages write them."""
    from zetasql.wasi._pb2.zetasql.public.function_pb2 import FunctionEnums

    text = _type(argument)
    cardinality = argument.options.cardinality
    if cardinality == FunctionEnums.OPTIONAL:
        return f"[{text}]"
    return f"{text}, …" if cardinality == FunctionEnums.REPEATED else text


def _type(argument: Any) -> str:
    from zetasql.wasi._pb2.zetasql.public.function_pb2 import SignatureArgumentKind

    kind = SignatureArgumentKind.Name(argument.kind).removeprefix("ARG_")
    if kind == "TYPE_FIXED":
        return _type_name(argument.type)
    if "ARRAY" in kind:
        return "ARRAY"
    return "any" if "ANY" in kind or "ARBITRARY" in kind else kind.removeprefix("TYPE_").lower()


def _type_name(described: Any) -> str:
    from zetasql.wasi._pb2.zetasql.public.type_pb2 import TypeKind

    name = str(TypeKind.Name(described.type_kind)).removeprefix("TYPE_")
    if name == "ARRAY":
        return f"ARRAY<{_type_name(described.array_type.element_type)}>"
    if name == "ENUM":
        return "part" if "Part" in described.enum_type.enum_name else "enum"
    return _NAMES.get(name, name)
