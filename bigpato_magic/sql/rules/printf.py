"""FORMAT: a constant format is split when the query is compiled, and each of its pieces becomes text of its own.

`%t` and `%T` print values of every type, NULL too; a NULL for any other specifier makes all of it NULL, as `||` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.physical import full, text
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Udf, route
from bigpato_magic.sql.rules.casts import PAIRS
from bigpato_magic.types import Kind, SqlType

SOURCE = DOCS + "string_functions#format_string"
PIECE = re.compile(r"%([-+ #'0]*)(\*|[0-9]*)(\.(?:\*|[0-9]*))?(.)|[^%]+|(%)", re.DOTALL)
WIDEST = 100_000
EXACT = "1e15"
LONG = 250
UNSIZED = ["0::BIGINT", "-1::BIGINT"]
T, INT = "VARCHAR", "BIGINT"
UDFS = (
    *(
        Udf(f"bp_format_{name}", (T, INT, INT, held), T)
        for name, held in (("integer", INT), ("float", "DOUBLE"), ("numeric", "DECIMAL(38,9)"), ("text", T))
    ),
    Udf("bp_string_literal", (T,), T),
    Udf("bp_escaped_bytes", ("BLOB",), T),
    Udf("bp_bytes_literal", ("BLOB",), T),
    Udf("bp_pretty_json", (T,), T),
)
MACROS = {
    # FLOAT64 as a literal has a point or an exponent.
    "bp_float_digits(s)": "CASE WHEN regexp_full_match(s, '-?[0-9]+') THEN s || '.0' ELSE s END",
    "bp_float_shown(x)": "CASE WHEN x = 0 THEN CAST(x AS VARCHAR) ELSE bp_float_digits(bp_float_text(x)) END",
    "bp_float_literal(x)": "CASE WHEN isfinite(x) THEN bp_float_shown(x) "
    "ELSE 'CAST(\"' || bp_float_text(x) || '\" AS FLOAT64)' END",
    # %s stops at NUL.
    "bp_no_nul(s)": f"CASE WHEN contains(s, chr(0)) THEN {route('NUL in FORMAT')} ELSE s END",
}

# ------------------------------------------------------------------------------------- %t and %T

_SHOWN = {
    Kind.BIGNUMERIC: "bp_big_text({a})",
    Kind.BYTES: "bp_escaped_bytes({a})",
    Kind.FLOAT64: "bp_float_shown({a})",
    Kind.INTERVAL: "bp_interval_text({a})",
    Kind.JSON: "{a}",
    Kind.STRING: "{a}",
}
_LITERAL = {
    Kind.BIGNUMERIC: "bp_big_text({a})",
    Kind.BYTES: "bp_bytes_literal({a})",
    Kind.FLOAT64: "bp_float_literal({a})",
    Kind.INTERVAL: "bp_interval_text({a})",
    Kind.JSON: "'JSON ' || bp_string_literal({a})",
    Kind.STRING: "bp_string_literal({a})",
}
_NAMED = (Kind.BIGNUMERIC, Kind.DATE, Kind.DATETIME, Kind.INTERVAL, Kind.NUMERIC, Kind.TIME, Kind.TIMESTAMP)


def shown(call: Call, sql: str, type_: SqlType, *, literal: bool) -> str:
    """DuckDB text that prints a value as %t does, or as %T: `NULL` for NULL."""
    return f"coalesce({_shown(call, sql, type_, literal=literal)}, 'NULL')"


def _shown(call: Call, sql: str, type_: SqlType, *, literal: bool) -> str:
    if type_.kind is Kind.ARRAY and type_.element is not None:
        item = call.fresh()
        inner = shown(call, item, type_.element, literal=literal)
        return f"('[' || array_to_string(list_transform({sql}, lambda {item}: {inner}), ', ') || ']')"
    if type_.kind is Kind.STRUCT:
        return _struct(call, sql, type_, literal=literal)
    return f"({_scalar(call, sql, type_.kind, literal=literal)})"


def _struct(call: Call, sql: str, type_: SqlType, *, literal: bool) -> str:
    fields = [shown(call, f"({sql}).f{i}", field.type, literal=literal) for i, field in enumerate(type_.fields)]
    name = "STRUCT" if literal and len(fields) == 1 else ""
    joined = " || ', ' || ".join(fields) or "''"
    return f"(CASE WHEN {sql} IS NOT NULL THEN '{name}(' || {joined} || ')' END)"


def _scalar(call: Call, sql: str, kind: Kind, *, literal: bool) -> str:
    cast = PAIRS.get(f"{kind} AS STRING")
    template = (_LITERAL if literal else _SHOWN).get(kind) or (cast and cast.template)
    if not isinstance(template, str):
        call.refuse(f"{kind} values in FORMAT")
    printed = template.replace("{a}", f"({sql})")
    if not literal or kind not in _NAMED:
        return printed
    return f"'{kind} \"' || {printed} || '\"'" + (" || ' YEAR TO SECOND'" if kind is Kind.INTERVAL else "")


# ------------------------------------------------------------------------------------------ pieces


class _Arguments:
    """The arguments after the format, in turn."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._rest: Iterator[Expr] = iter(call.args[1:])

    def next(self) -> Expr:
        return next(self._rest, None) or self._call.refuse("FORMAT with too few arguments")

    def done(self) -> bool:
        return next(self._rest, None) is None


def _format(call: Call) -> str:
    if call.args[0].is_null:
        return "CAST(NULL AS VARCHAR)"
    arguments = _Arguments(call)
    pieces = [_piece(call, match, arguments) for match in PIECE.finditer(call.constant(0))]
    if not arguments.done():
        call.refuse("FORMAT with too many arguments")
    return f"({' || '.join(pieces)})" if pieces else "''"


def _piece(call: Call, match: re.Match[str], arguments: _Arguments) -> str:
    flags, width, precision, letter = match[1], match[2], match[3], match[4]
    if match[5]:
        call.refuse("FORMAT that ends with %")
    if letter is None:
        return text(match[0])
    if letter == "%":
        return "'%'" if match[0] == "%%" else call.refuse(f"FORMAT with {match[0]}")
    places = [
        _size(call, width, "0", arguments),
        _size(call, (precision or "")[1:], "0" if precision else "-1", arguments),
    ]
    value = full(arguments.next())
    quick = _quick(flags, letter, value) if places == UNSIZED else None
    return quick or _sized(match[0], value, _field(call, flags, places, letter, value))


def _size(call: Call, given: str, default: str, arguments: _Arguments) -> str:
    """A width or a precision, which `*` takes from an argument."""
    if given == "*":
        if call.safe:
            call.refuse("SAFE.FORMAT with *")
        return arguments.next().sql
    if given and int(given) > WIDEST:
        call.refuse("FORMAT to a large width")
    return f"{given or default}::BIGINT"


def _quick(flags: str, letter: str, value: Expr) -> str | None:
    """The piece of a specifier without width and precision, where DuckDB's own text is exact."""
    if letter in "di" and value.key == "INT64" and flags in ("", "'"):
        return f"format('{{:,}}', {value.sql})" if flags else f"CAST({value.sql} AS VARCHAR)"
    return f"bp_no_nul({value.sql})" if letter == "s" and value.key == "STRING" else None


# Sizes for which DuckDB's printf was compared with C's.
_WIDE = re.compile(r"%[0-]?[1-9][0-9]?[di]")
_PRECISE = re.compile(r"%\.[0-6]f")


def _sized(specifier: str, value: Expr, field: str) -> str:
    """The piece of a specifier with a width or a precision: by DuckDB's printf where that is exact, else `field`."""
    if not value.simple and value.properties.characters > LONG:
        return field
    if value.key == "INT64" and _WIDE.fullmatch(specifier):
        return f"printf('{specifier.replace('i', 'd')}', {value.sql})"
    if value.key == "FLOAT64" and _PRECISE.fullmatch(specifier):
        tame = f"{value.sql} <> 0 AND abs({value.sql}) < {EXACT}"
        return f"(CASE WHEN {tame} THEN printf('{specifier}', {value.sql}) ELSE {field} END)"
    return field


_FIELDS = {
    **{(letter, "INT64"): "integer" for letter in "dioxX"},
    **{(letter, "FLOAT64"): "float" for letter in "fFeEgG"},
    **{(letter, "NUMERIC"): "numeric" for letter in "fFeEgG"},
}


def _field(call: Call, flags: str, places: list[str], letter: str, value: Expr) -> str:
    if name := _FIELDS.get((letter, value.key)):
        return f"bp_format_{name}({text(flags + letter)}, {', '.join(places)}, {value.sql})"
    printed = _text(call, letter, value)
    if places == UNSIZED:
        return printed
    return f"bp_format_text({text(flags + letter)}, {', '.join(places)}, {printed})"


def _text(call: Call, letter: str, value: Expr) -> str:
    if letter in "tT":
        return shown(call, value.sql, value.type, literal=letter == "T")
    if letter == "s" and value.key == "STRING":
        return f"bp_no_nul({value.sql})"
    if letter in "pP" and value.key == "JSON":
        return value.sql if letter == "p" else f"bp_pretty_json({value.sql})"
    return call.refuse(f"FORMAT with %{letter} of {value.type}")


# ------------------------------------------------------------------------------------------- the rules

# All are one rule; by the first argument's type the grid has other formats to try.
KINDS = (
    *("INT64", "FLOAT64", "NUMERIC", "STRING", "JSON"),
    *("BIGNUMERIC", "BOOL", "BYTES", "DATE", "DATETIME", "INTERVAL", "TIME", "TIMESTAMP"),
    *(f"ARRAY<{kind}>" for kind in ("INT64", "STRING", "FLOAT64", "DATE")),
)
SIGNATURES = ("STRING", *(f"STRING, {kind}, ..." for kind in KINDS), "STRING, ...")
RULES = tuple(Rule("format", signature, _format, safe=_format) for signature in SIGNATURES)
