"""Functions that change a value of the JSON type, and JSON_FLATTEN: those of `sql.udfs.json_mutators`.

https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions
"""

from __future__ import annotations

import json
from collections.abc import Callable

from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.physical import text
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Template, Udf
from bigpato_magic.sql.rules.json import STANDARD, TO_JSON, printed
from bigpato_magic.types import Kind

SOURCE = DOCS + "json_functions"


def exact_steps(call: Call, path: str) -> str:
    """A JSONPath as a JSON list, in which a member's name is a text and an index a number; refused if it is not plain."""
    steps: list[str | int] = []
    rest = path.removeprefix("$")
    while match := STANDARD.match(rest):
        steps.append(int(match["index"]) if match["index"] else match["name"] or match["quoted"])
        rest = rest[match.end() :]
    if rest or not path.startswith("$"):
        call.refuse(f"the JSONPath {path!r}")
    return json.dumps(steps)


def _pairs(call: Call) -> list[tuple[str, Expr]]:
    """Paths (as steps) and values; a NULL path changes nothing, but what its value raises is still raised."""
    paths, values = call.args[1:-1:2], call.args[2:-1:2]
    if any(path.is_null and not value.simple for path, value in zip(paths, values, strict=True)):
        call.refuse(f"{call.label} with a NULL path")
    return [
        (exact_steps(call, call.constant(1 + 2 * i)), value)
        for i, (path, value) in enumerate(zip(paths, values, strict=True))
        if not path.is_null
    ]


def _flagged(call: Call, build: Callable[[Call, str], str]) -> str:
    """Where the last argument, a flag, is NULL, nothing is changed."""
    flag = call.args[-1]
    if not flag.literal:
        call.refuse(f"{call.label} whose flag is not a constant")
    if flag.value is not None:
        return build(call, flag.sql)
    if any(not arg.simple for arg in call.args[1:]):
        call.refuse(f"{call.label} with a NULL flag")
    return call.sql(0)


def _set(call: Call) -> str:
    def build(call: Call, create: str) -> str:
        sql = call.sql(0)
        for path, value in _pairs(call):
            new = printed(call, value.sql, value.type, TO_JSON)
            sql = f"bp_json_set({sql}, {text(path)}, {new}, {create})"
        return sql

    return _flagged(call, build)


def _added(function: str) -> Template:
    def build(call: Call, _flag: str) -> str:
        sql = call.sql(0)
        for path, value in _pairs(call):
            if value.type.kind is Kind.ARRAY and value.type.element is not None and call.args[-1].value:
                item = call.fresh()
                inner = printed(call, item, value.type.element, TO_JSON)
                items = f"list_transform({value.sql}, lambda {item}: {inner})"
                # A NULL array adds nothing.
                sql = f"coalesce({function}({sql}, {text(path)}, {items}), {sql})"
            else:
                items = f"[{printed(call, value.sql, value.type, TO_JSON)}]::VARCHAR[]"
                sql = f"{function}({sql}, {text(path)}, {items})"
        return sql

    return lambda call: _flagged(call, build)


def _remove(call: Call) -> str:
    sql = call.sql(0)
    for i in range(1, len(call.args)):
        sql = f"bp_json_remove({sql}, {text(exact_steps(call, call.constant(i)))}, {str(call.safe).lower()})"
    return sql


def _strip_nulls(call: Call) -> str:
    path = text(exact_steps(call, call.constant(1)))
    flags = ", ".join(call.sql(i) for i in (2, 3))
    if any(flag.facts.nulls for flag in call.args[2:4]):
        call.refuse("JSON_STRIP_NULLS where a flag may be NULL")
    return f"bp_json_strip_nulls({call.sql(0)}, {path}, {flags})"


UDFS = (
    Udf("bp_json_set", ("VARCHAR", "VARCHAR", "VARCHAR", "BOOLEAN"), "VARCHAR"),
    Udf("bp_json_array_append", ("VARCHAR", "VARCHAR", "VARCHAR[]"), "VARCHAR"),
    Udf("bp_json_array_insert", ("VARCHAR", "VARCHAR", "VARCHAR[]"), "VARCHAR"),
    Udf("bp_json_remove", ("VARCHAR", "VARCHAR", "BOOLEAN"), "VARCHAR"),
    Udf("bp_json_strip_nulls", ("VARCHAR", "VARCHAR", "BOOLEAN", "BOOLEAN"), "VARCHAR"),
    Udf("bp_json_flatten", ("VARCHAR",), "VARCHAR[]"),
)


def _rule(name: str, template: Template) -> Rule:
    return Rule(name, "JSON, STRING, ANY, ...", template, safe=template)


RULES = (
    _rule("json_set", _set),
    _rule("json_array_append", _added("bp_json_array_append")),
    _rule("json_array_insert", _added("bp_json_array_insert")),
    Rule("json_flatten", "JSON", "bp_json_flatten({a})", can_throw=False),
    Rule("json_remove", "JSON, STRING, ...", _remove, safe=_remove),
    Rule("json_strip_nulls", "JSON, STRING, BOOL, BOOL", _strip_nulls, can_throw=False),
)
