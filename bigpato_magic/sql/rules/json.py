"""JSON: functions of JSON texts (STRING) and of the JSON type, and what prints values as JSON.

A JSON value is held as the text that TO_JSON_STRING prints, so NULL is SQL's NULL and `null` is JSON's. What takes JSON apart are
functions of `sql.udfs.json_*`; what puts it together is text.
"""

from __future__ import annotations

import json
import re
from functools import partial

from bigpato_magic.sql.expr import ASCII
from bigpato_magic.sql.physical import text
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Template, Udf, guarded
from bigpato_magic.types import Kind, SqlType

SOURCE = DOCS + "json_functions"
WIDE = 2**53

# Control characters that DuckDB escapes with capital letters and GoogleSQL with small ones: \u001B, \u001b.
LETTERED = ("0B", "0E", "0F", *(f"1{letter}" for letter in "ABCDEF"))
_ANY_LETTERED = "".join(rf"\x{code}" for code in LETTERED)


def _small(part: str) -> str:
    """The letters made small in a JSON text that has no escaped backslash."""
    for code in LETTERED:
        part = rf"replace({part}, '\u00{code}', '\u00{code.lower()}')"
    return part


MACROS = {
    "bp_json_quoted(s)": f"CASE WHEN regexp_matches(s, '[{_ANY_LETTERED}]') "
    r"THEN array_to_string(list_transform(string_split(CAST(to_json(s) AS VARCHAR), '\\'), "
    rf"lambda part: {_small('part')}), '\\') ELSE CAST(to_json(s) AS VARCHAR) END",
    "bp_json_text(s)": r"replace(replace(bp_json_quoted(s), chr(8232), '\u2028'), chr(8233), '\u2029')",
    "bp_json_clock(t)": "strftime(t, '%Y-%m-%dT%H:%M:%S') || bp_fraction(CAST(extract(microseconds FROM t) AS BIGINT))",
    "bp_json_float(x)": "CASE WHEN isnan(x) THEN '\"NaN\"' WHEN isinf(x) THEN CASE WHEN x > 0 THEN '\"Infinity\"' "
    "ELSE '\"-Infinity\"' END ELSE bp_float_text(x) END",
    "bp_json_special(x)": "CASE WHEN x = 0 THEN '0.0' WHEN isfinite(x) THEN bp_json_double(x) ELSE bp_json_float(x) END",
    "bp_json_wide(n)": f"CASE WHEN n BETWEEN -{WIDE} AND {WIDE} THEN CAST(n AS VARCHAR) ELSE '\"' || n || '\"' END",
    "bp_numeric_text(n)": "CASE WHEN contains(CAST(n AS VARCHAR), '.') "
    "THEN rtrim(rtrim(CAST(n AS VARCHAR), '0'), '.') ELSE CAST(n AS VARCHAR) END",
    "bp_json_numeric(n)": f"CASE WHEN n = trunc(n) AND n BETWEEN -{WIDE} AND {WIDE} THEN bp_numeric_text(n) "
    "ELSE '\"' || bp_numeric_text(n) || '\"' END",
    # Of more digits not all have been compared with what BigQuery makes of them.
    "bp_json_number(n)": "CASE WHEN n IS NULL THEN NULL WHEN length(regexp_replace(bp_numeric_text(n), '[-.]', '', 'g')) <= 15 "
    "THEN CASE WHEN n = trunc(n) THEN bp_numeric_text(n) ELSE bp_json_exact(bp_numeric_text(n)) END "
    "ELSE error('route: a NUMERIC of more than fifteen digits as JSON') END",
}

# ------------------------------------------------------------------------------------------- JSON paths

# A name may have letters and digits of any script, an index only these digits.
_NAME = r"[^\W\d][\w-]*|\d+"
_INDEX = r"\[ *(?P<index>[0-9]+) *\]"
STANDARD = re.compile(rf'\.(?P<name>{_NAME})|\."(?P<quoted>[^"\\]*)"|{_INDEX}')
LEGACY = re.compile(rf"\.(?P<name>{_NAME})|\['(?P<quoted>[^'\\]*)'\]|{_INDEX}")


def steps(path: str, dialect: re.Pattern[str] = STANDARD) -> str:
    """A JSONPath as the functions of `sql.udfs.json_*` take it, a JSON list of steps; refused if it is not a plain one."""
    names: list[str] = []
    rest = path.removeprefix("$")
    while match := dialect.match(rest):
        step = match["name"] or match["quoted"]
        names.append(str(int(match["index"])) if match["index"] else step)
        rest = rest[match.end() :]
    if rest or not path.startswith("$"):
        refuse(f"the JSONPath {path!r}")
    return json.dumps(names)


def _nothing(call: Call) -> str:
    """NULL, because the second argument is; what the first one raises would still be raised."""
    if not call.args[0].simple:
        call.refuse(f"{call.label} with NULL")
    return f"CAST(NULL AS {call.duck_type})"


def _by_path(function: str, dialect: re.Pattern[str] = STANDARD) -> Template:
    def template(call: Call) -> str:
        if call.args[1].is_null:
            return _nothing(call)
        return f"{function}({call.sql(0)}, {text(steps(call.constant(1), dialect))})"

    return template


def member(value: str, name: str) -> str:
    """DuckDB text of a member of the JSON text `value`, NULL where it is no object or has none of that name."""
    query = f"bp_json_query({value}, {text(json.dumps([name]))})"
    # In a path it would be an array's index too.
    return f"(CASE WHEN starts_with({value}, '{{') THEN {query} END)" if name.isdigit() else query


def _subscript(call: Call) -> str:
    name = call.args[1]
    if name.is_null:
        return _nothing(call)
    if name.literal:
        return member(call.sql(0), call.constant(1))
    path = call.fill("'[' || CAST(to_json({b}) AS VARCHAR) || ']'")
    return f"(CASE WHEN starts_with({call.sql(0)}, '{{') THEN bp_json_query({call.sql(0)}, {path}) END)"


def _index(call: Call) -> str:
    index = f"CASE WHEN {call.sql(1)} >= 0 THEN '[\"' || {call.sql(1)} || '\"]' ELSE '[\"-\"]' END"
    # An index finds no member of an object.
    return f"(CASE WHEN starts_with({call.sql(0)}, '[') THEN bp_json_query({call.sql(0)}, {index}) END)"


# ------------------------------------------------------------------------------------ values as JSON text

_PRINTED = {
    Kind.BOOL: "CAST({x} AS VARCHAR)",
    Kind.BYTES: "'\"' || to_base64({x}) || '\"'",
    Kind.DATE: "'\"' || strftime({x}, '%Y-%m-%d') || '\"'",
    Kind.DATETIME: "'\"' || bp_json_clock({x}) || '\"'",
    Kind.JSON: "{x}",
    Kind.TIME: "'\"' || bp_time_text({x}) || '\"'",
    Kind.TIMESTAMP: "'\"' || bp_json_clock(bp_utc({x})) || 'Z\"'",
}
TO_STRING = {Kind.FLOAT64: "bp_json_float({x})", Kind.INT64: "bp_json_wide({x})", Kind.NUMERIC: "bp_json_numeric({x})"}
TO_STRING[Kind.STRING] = "bp_json_text({x})"
TO_JSON = {
    Kind.FLOAT64: "bp_json_special({x})",
    Kind.INT64: "CAST({x} AS VARCHAR)",
    Kind.NUMERIC: "bp_json_number({x})",
}
TO_JSON[Kind.STRING] = "bp_json_quoted({x})"
# stringify_wide_numbers => TRUE
STRINGIFIED = TO_JSON | {Kind.INT64: "bp_json_wide({x})"}


def printed(call: Call, sql: str, type_: SqlType, how: dict[Kind, str]) -> str:
    """DuckDB text that prints a value as JSON, `null` for NULL; `how` prints what TO_JSON and TO_JSON_STRING print apart."""
    return f"coalesce({_printed(call, sql, type_, how)}, 'null')"


def _printed(call: Call, sql: str, type_: SqlType, how: dict[Kind, str]) -> str:
    if type_.kind is Kind.ARRAY and type_.element is not None:
        item = call.fresh()
        inner = printed(call, item, type_.element, how)
        return f"('[' || array_to_string(list_transform({sql}, lambda {item}: {inner}), ',') || ']')"
    if type_.kind is Kind.STRUCT:
        return _members(call, sql, type_, how)
    form = how.get(type_.kind) or _PRINTED.get(type_.kind)
    if form is None:
        refuse(f"{type_.kind} values as JSON")
    return "(" + form.replace("{x}", f"({sql})") + ")"


def _quoted(name: str, how: dict[Kind, str]) -> str:
    quoted = json.dumps(name, ensure_ascii=False)
    return quoted.replace("\u2028", r"\u2028").replace("\u2029", r"\u2029") if how is TO_STRING else quoted


def _members(call: Call, sql: str, type_: SqlType, how: dict[Kind, str]) -> str:
    fields = [(field.name, f"({sql}).f{i}", field.type) for i, field in enumerate(type_.fields)]
    sorted_names = how is not TO_STRING
    if sorted_names:  # the JSON type sorts members, and the first of twins counts
        fields = list({name: (name, x, t) for name, x, t in reversed(fields)}.values())
        fields.sort(key=lambda field: field[0])
    parts = [f"{text(_quoted(name, how) + ':')} || {printed(call, x, t, how)}" for name, x, t in fields]
    joined = " || ',' || ".join(parts) or "''"
    return f"(CASE WHEN {sql} IS NOT NULL THEN '{{' || {joined} || '}}' END)"


def _flag(call: Call, i: int) -> bool:
    return len(call.args) > i and bool(call.constant(i))


def _to_json_string(call: Call) -> str:
    compact = printed(call, call.sql(0), call.args[0].type, TO_STRING)
    return f"bp_json_pretty({compact})" if _flag(call, 1) else compact


def _to_json(call: Call) -> str:
    how = STRINGIFIED if _flag(call, 1) else TO_JSON
    if how is STRINGIFIED and call.args[0].type.has(Kind.NUMERIC):
        call.refuse("TO_JSON of a NUMERIC with stringify_wide_numbers")
    return printed(call, call.sql(0), call.args[0].type, how)


def _json_array(call: Call) -> str:
    items = [printed(call, arg.sql, arg.type, TO_JSON) for arg in call.args]
    return f"('[' || {_commas(items)} || ']')" if items else "'[]'"


def _commas(items: list[str]) -> str:
    return " || ',' || ".join(items)


def _json_object(call: Call) -> str:
    if len(call.args) % 2:
        call.refuse("JSON_OBJECT of one array")
    names = ", ".join(arg.sql for arg in call.args[::2])
    values = ", ".join(printed(call, arg.sql, arg.type, TO_JSON) for arg in call.args[1::2])
    if not call.args:
        return "'{}'"
    return f"bp_json_object([{names}]::VARCHAR[], [{values}]::VARCHAR[], {str(call.safe).lower()})"


def _json_object_of_arrays(call: Call) -> str:
    names, values = call.args
    if values.type.element is None:
        call.refuse("JSON_OBJECT of an array and a value")
    item = call.fresh()
    inner = printed(call, item, values.type.element, TO_JSON)
    both = (names.sql, f"list_transform({values.sql}, lambda {item}: {inner})")
    if call.safe:
        return f"bp_json_object({both[0]}, {both[1]}, true)"
    there = [f"CASE WHEN {x} IS NULL THEN error('a NULL array in JSON_OBJECT') ELSE {x} END" for x in both]
    return f"bp_json_object({there[0]}, {there[1]}, false)"


def _known_mode(call: Call, i: int, modes: tuple[str, ...]) -> None:
    """A wrong mode is an error whatever stands beside it, and must be known here: a NULL beside it would hide it."""
    mode = call.args[i]
    if not mode.literal or (mode.value is not None and mode.value.lower() not in modes):
        call.refuse(f"{call.name.upper()} with such a mode")


def _keys(call: Call) -> str:
    depth = call.args[1]
    if depth.literal and depth.value is not None and depth.value < 1:
        call.refuse("JSON_KEYS to a depth below 1")
    if not depth.literal or depth.value is None:
        call.refuse("JSON_KEYS to a depth that is not a constant")
    _known_mode(call, 2, ("strict", "lax", "lax recursive"))
    deepest = f"{min(depth.value, 2**31)}::BIGINT"
    return f"bp_json_keys({call.sql(0)}, {deepest}, {call.sql(2)}, {str(call.safe).lower()})"


# ------------------------------------------------------------------------------------------------ tables

_TEXTS = {"query": "VARCHAR", "value": "VARCHAR", "query_array": "VARCHAR[]", "value_array": "VARCHAR[]"}
_ACCESSED = {"int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN", "string": "VARCHAR"}
# How the standard functions and their older names are told apart: by the names and the paths they take.
_EXTRACTS = {
    "query": ("json_query", "json_extract"),
    "value": ("json_value", "json_extract_scalar"),
    "query_array": ("json_query_array", "json_extract_array"),
    "value_array": ("json_value_array", "json_extract_string_array"),
}


def _wide(template: str, call: Call) -> str:
    _known_mode(call, 1, ("exact", "round"))
    return call.fill(template)


def _accessors() -> list[Rule]:
    rules = []
    for name in _ACCESSED:
        if name == "float64":
            read, safe = (partial(_wide, f"bp_json_{name}({{a}}, {{b}}, {flag})") for flag in ("false", "true"))
            rules.append(Rule(name, "JSON, STRING", read, safe=safe))
        else:
            rules.append(guarded(name, "JSON", f"bp_json_{name}"))
        rules.append(Rule(f"lax_{name}", "JSON", f"bp_lax_{name}({{a}})", can_throw=False))
    return rules


UDFS = (
    *(Udf(f"bp_text_{n}", ("VARCHAR", "VARCHAR"), t) for n, t in _TEXTS.items()),
    *(Udf(f"bp_json_{n}", ("VARCHAR", "VARCHAR"), t) for n, t in _TEXTS.items()),
    *(
        Udf(f"bp_json_{n}", ("VARCHAR", *(("VARCHAR",) if n == "float64" else ()), "BOOLEAN"), t)
        for n, t in _ACCESSED.items()
    ),
    *(Udf(f"bp_lax_{n}", ("VARCHAR",), t) for n, t in _ACCESSED.items()),
    Udf("bp_json_double", ("DOUBLE",), "VARCHAR"),
    Udf("bp_json_exact", ("VARCHAR",), "VARCHAR"),
    Udf("bp_json_keys", ("VARCHAR", "BIGINT", "VARCHAR", "BOOLEAN"), "VARCHAR[]"),
    Udf("bp_json_pretty", ("VARCHAR",), "VARCHAR"),
    Udf("bp_json_object", ("VARCHAR[]", "VARCHAR[]", "BOOLEAN"), "VARCHAR"),
    Udf("bp_json_type", ("VARCHAR",), "VARCHAR"),
    Udf("bp_parse_json", ("VARCHAR", "VARCHAR", "BOOLEAN"), "VARCHAR"),
)

RULES = (
    *(
        Rule(name, f"{held}, STRING", _by_path(f"bp_{kind}_{what}", dialect), can_throw=False)
        for what, names in _EXTRACTS.items()
        for name, dialect in zip(names, (STANDARD, LEGACY), strict=True)
        for held, kind in (("STRING", "text"), ("JSON", "json"))
    ),
    *_accessors(),
    Rule("$subscript", "JSON, INT64", _index, can_throw=False),
    Rule("$subscript", "JSON, STRING", _subscript, can_throw=False),
    Rule("json_array", "...", _json_array, can_throw=False),
    Rule("json_keys", "JSON, INT64, STRING", _keys, safe=_keys),
    Rule("json_object", "", _json_object, can_throw=False),
    Rule("json_object", "ARRAY<STRING>, ARRAY", _json_object_of_arrays, safe=_json_object_of_arrays),
    Rule("json_object", "STRING, ...", _json_object, safe=_json_object),
    Rule("json_type", "JSON", "bp_json_type({a})", can_throw=False, facts=ASCII),
    guarded("parse_json", "STRING, STRING", "bp_parse_json"),
    Rule("to_json", "ANY, BOOL", _to_json, can_throw=False),
    Rule("to_json_string", "ANY", _to_json_string, can_throw=False),
    Rule("to_json_string", "ANY, BOOL", _to_json_string, can_throw=False),
)
