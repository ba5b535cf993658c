"""BigQuery's types as they are written: `INT64`, `ARRAY<STRING>`, `STRUCT<a INT64, b DATE>`."""

from __future__ import annotations

import re
from typing import Any

from bigpato_magic.errors import ParameterError
from bigpato_magic.types import Kind, Parameter, SqlType, StructField

_ALIASES = {
    "INT": Kind.INT64,
    "INTEGER": Kind.INT64,
    "BIGINT": Kind.INT64,
    "SMALLINT": Kind.INT64,
    "TINYINT": Kind.INT64,
    "BYTEINT": Kind.INT64,
    "FLOAT": Kind.FLOAT64,
    "BOOLEAN": Kind.BOOL,
    "DECIMAL": Kind.NUMERIC,
    "BIGDECIMAL": Kind.BIGNUMERIC,
    "RECORD": Kind.STRUCT,
}
_TOKEN = re.compile(r"[A-Za-z_][A-Za-z_0-9]*+|[<>,]")
_RANGED = (Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP)


def typed(value: Any, type_name: str) -> Parameter:
    """A value with its BigQuery type spelled out, for what Python cannot tell: NULLs, empty lists, JSON.

    Whether the value is one of that type is checked where it is used, where its name is known too.

    >>> typed(None, "INT64").type.kind.value
    'INT64'
    >>> str(typed([], "ARRAY<STRUCT<a INT64, b STRING>>").type)
    'ARRAY<STRUCT<a INT64, b STRING>>'

    Raises:
        ParameterError: there is no such type.
    """
    return Parameter(None, parse_type(type_name), value)


def parse_type(text: str) -> SqlType:
    """Read a type as BigQuery writes it: `INT64`, `ARRAY<STRING>`, `STRUCT<a INT64, b DATE>`.

    Raises:
        ParameterError: it is none.
    """
    tokens = _TOKEN.findall(text) if isinstance(text, str) else []
    if tokens and "".join(tokens) == re.sub(r"\s", "", text):
        try:
            kind, rest = _read_type(tokens)
        except (IndexError, ValueError, RecursionError):
            rest = tokens
        if not rest:
            return kind
    raise ParameterError(f"{text!r} is no BigQuery type", hint="for instance INT64, ARRAY<STRING>, STRUCT<a INT64>")


def _read_type(tokens: list[str]) -> tuple[SqlType, list[str]]:
    name, rest = tokens[0].upper(), tokens[1:]
    kind = _ALIASES.get(name) or Kind(name)
    if kind is Kind.STRUCT:
        return _read_struct(rest)
    if kind not in (Kind.ARRAY, Kind.RANGE):
        return SqlType(kind), rest
    element, rest = _read_type(_after(rest, "<"))
    if element.kind is Kind.ARRAY or (kind is Kind.RANGE and element.kind not in _RANGED):
        raise ValueError(f"{kind} of {element}")
    return SqlType(kind, element=element), _after(rest, ">")


def _read_struct(tokens: list[str]) -> tuple[SqlType, list[str]]:
    fields: list[StructField] = []
    rest = _after(tokens, "<")
    while True:
        named = rest[1] not in "<>,"
        kind, after = _read_type(rest[1:] if named else rest)
        fields.append(StructField(rest[0] if named else "", kind))
        if after[0] != ",":
            return SqlType(Kind.STRUCT, fields=tuple(fields)), _after(after, ">")
        rest = after[1:]


def _after(tokens: list[str], expected: str) -> list[str]:
    if tokens[0] != expected:
        raise ValueError(tokens[0])
    return tokens[1:]
