"""Expressions of the resolved tree: columns, literals, parameters, STRUCTs, casts and calls of functions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from bigpato_magic.googlesql import tree
from bigpato_magic.sql import decimals
from bigpato_magic.sql.compiler import Compiler, expression, full_width, no_collation
from bigpato_magic.sql.expr import NOT_NULL, Expr, Facts
from bigpato_magic.sql.physical import duck_type, full, identifier, literal, same_physical
from bigpato_magic.sql.raising import MIRRORED, characterized, evaluated
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.rules import FUNCTIONS, QUIET
from bigpato_magic.sql.rules.base import TRY, Call, Rule, Template, is_null, repeats
from bigpato_magic.types import Kind, SqlType

Node = Any
# What is only an argument of a function, never a value: the type is a placeholder.
KEYWORD = SqlType(Kind.STRING)
# Longer arguments are not repeated in the text of a template.
LONG = 250


@expression("ColumnRef")
def _column_ref(c: Compiler, found: Node) -> Expr:
    column = c.columns.get(found.column.column_id)
    return column if column is not None else refuse("a column that is not in reach", code="no-node")


@expression("Literal")
def _literal(c: Compiler, found: Node) -> Expr:
    if found.value.value.timestamp_value.nanos % 1000:
        refuse("a TIMESTAMP with nanoseconds", code="literal")
    if tree.type_name(found.value.type) == "ENUM":
        return Expr("''", KEYWORD, keyword=str(tree.literal(found)))
    return literal(tree.literal(found), c.type_of(found))


@expression("Parameter")
def _parameter(c: Compiler, found: Node) -> Expr:
    """`$name` or `$p1`, cast to the exact type; a STRUCT comes with its field names and goes on by position."""
    type_ = c.type_of(found)
    if type_.kind is not Kind.BIGNUMERIC and any(t.kind is Kind.BIGNUMERIC for t in type_.walk()):
        refuse("a parameter with BIGNUMERIC values inside", code="type")
    name = found.name.lower() or f"p{found.position}"
    named = f"CAST(${name} AS {named_type(type_)})"
    return Expr(to_positional(c, named, type_), type_, fixed=True, folds=True)


def named_type(type_: SqlType) -> str:
    """The DuckDB type of a stored or given value, whose STRUCT fields have their names."""
    if type_.kind is Kind.ARRAY and type_.element:
        return named_type(type_.element) + "[]"
    if type_.kind is Kind.STRUCT:
        fields = (f"{name} {named_type(f.type)}" for name, f in zip(field_names(type_), type_.fields, strict=True))
        return f"STRUCT({', '.join(fields)})"
    return duck_type(type_)


def field_names(type_: SqlType) -> list[str]:
    """The quoted names of a STRUCT's fields, as a result shows them.

    Raises:
        Refusal: two fields have one name, which DuckDB cannot hold.
    """
    names = [field.name or f"_field_{i + 1}" for i, field in enumerate(type_.fields)]
    if len({name.lower() for name in names}) < len(names):
        refuse("a STRUCT with two fields of one name", code="type")
    return [identifier(name) for name in names]


def has_struct(type_: SqlType) -> bool:
    """Is there a STRUCT in it?"""
    return any(inner.kind is Kind.STRUCT for inner in type_.walk())


def to_positional(c: Compiler, sql: str, type_: SqlType) -> str:
    """A value whose STRUCT fields have names, with its fields by position."""
    if not has_struct(type_):
        return sql
    if type_.kind is Kind.ARRAY and type_.element:
        item = c.fresh("x")
        return f"list_transform({sql}, lambda {item}: {to_positional(c, item, type_.element)})"
    parts = zip(field_names(type_), type_.fields, strict=True)
    fields = ", ".join(f"f{i} := {to_positional(c, f'({sql}).{n}', f.type)}" for i, (n, f) in enumerate(parts))
    return f"(CASE WHEN {sql} IS NULL THEN NULL ELSE struct_pack({fields}) END)"


@expression("MakeStruct")
def _make_struct(c: Compiler, found: Node) -> Expr:
    type_ = c.type_of(found)
    values = [full(c.expr(field)) for field in found.field_list]
    fields = ", ".join(f"f{i} := {value.sql}" for i, value in enumerate(values))
    raises = any(value.raises for value in values)
    return Expr(f"CAST(struct_pack({fields}) AS {duck_type(type_)})", type_, NOT_NULL, raises=raises)


@expression("GetStructField")
def _get_struct_field(c: Compiler, found: Node) -> Expr:
    type_ = c.type_of(found)
    duck_type(type_)
    struct = c.expr(found.expr)
    # DuckDB would not look at the other fields of a STRUCT that is made on the spot.
    text = f"[{struct.sql}][1]" if struct.raises else struct.sql
    return Expr(f"({text}).f{found.field_idx}", type_, raises=struct.raises, folds=struct.folds)


@expression("WithExpr")
def _with_expr(c: Compiler, found: Node) -> Expr:
    """WITH(a AS x, …, body): the texts are put where the names are; evaluation has no effects that could be seen."""
    for assignment in found.assignment_list:
        c.columns[assignment.column.column_id] = c.expr(assignment.expr)
    return c.expr(found.expr)


# ------------------------------------------------------------------------------------------- casts


@expression("Cast")
def _cast(c: Compiler, found: Node) -> Expr:
    if tree.has(found, "extended_cast") and found.extended_cast.element_list:
        refuse("an extended CAST")
    e, type_, safe = c.expr(found.expr), c.type_of(found), found.return_null_on_error
    if tree.has(found, "format") or tree.has(found, "time_zone"):
        return _formatted(c, found, Call("cast_format", [e], type_, c, safe))
    cast = convert(c, e, type_, safe=safe)
    if not tree.has(found, "type_modifiers") or not found.type_modifiers.ByteSize():
        return cast
    return _parameterized(c, cast, found.type_modifiers, safe)


def _formatted(c: Compiler, found: Node, call: Call) -> Expr:
    """CAST(… FORMAT … [AT TIME ZONE …])."""
    if not tree.has(found, "format"):
        refuse("CAST with a time zone and no FORMAT")
    pair = f"{_outer(call.args[0].type)} AS {_outer(call.type)}"
    call.args.append(c.expr(found.format))
    if tree.has(found, "time_zone"):
        call.args.append(c.expr(found.time_zone))
    rule = FUNCTIONS.find("cast_format", [pair])
    return apply(c, rule, call) if isinstance(rule, Rule) else refuse(f"CAST({pair}) with FORMAT")


def _parameterized(c: Compiler, e: Expr, modifiers: Node, safe: bool) -> Expr:
    """What STRING(10), BYTES(10) or NUMERIC(10, 2) allows of a value; else an error, or NULL.

    https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#parameterized_data_types
    """
    parameters = modifiers.type_parameters
    if modifiers.collation.ByteSize():
        refuse("a collation")
    if not parameters.ByteSize():
        return e
    call = Call("cast", [e], e.type, c, safe)
    # Of SAFE_CAST the manual and the reference implementation say different things here.
    fails = f"error('{'route: ' if safe else ''}a value does not fit its parameterized type')"
    if e.type.kind is Kind.NUMERIC and parameters.HasField("numeric_type_parameters"):
        call.args = full_width(call.args)
        precision, scale = parameters.numeric_type_parameters.precision, parameters.numeric_type_parameters.scale
        limit = f"CAST(1e{precision - scale} AS DECIMAL(38,9))" if precision - scale < 29 else "NULL"
        kept = f"CAST(round({{a}}, {scale}) AS DECIMAL(38,9))"
        fitted = f"(CASE WHEN abs({kept}) >= {limit} THEN {fails} ELSE {kept} END)"
    elif e.type.kind in LENGTHS and parameters.HasField("string_type_parameters"):
        longest = parameters.string_type_parameters.max_length
        fitted = f"(CASE WHEN {LENGTHS[e.type.kind]}({{a}}) > {longest} THEN {fails} ELSE {{a}} END)"
    else:
        return refuse("CAST to a parameterized type")
    return Expr(
        call.once(lambda bound_call: bound_call.fill(fitted)),
        e.type,
        replace(e.facts, nulls=True, zero=True, decimal=None),
        raises=True,
        fixed=e.fixed,
        folds=e.folds,
    )


LENGTHS = {Kind.STRING: "length", Kind.BYTES: "octet_length"}


def convert(c: Compiler, e: Expr, target: SqlType, *, safe: bool = False) -> Expr:
    """CAST(e AS target), or SAFE_CAST."""
    if same_physical(e.type, target):
        return replace(e, type=target)
    if e.is_null:
        return literal(None, target)
    duck_type(target)
    if not safe and e.type.kind is target.kind is Kind.ARRAY and e.type.element and target.element:
        item = c.fresh("x")
        inner = full(convert(c, Expr(item, e.type.element), target.element)).sql
        return Expr(f"list_transform({e.sql}, lambda {item}: {inner})", target, raises=True, folds=e.folds)
    if not safe and e.type.kind is target.kind is Kind.STRUCT and len(e.type.fields) == len(target.fields):
        return _convert_struct(c, e, target)
    rule = FUNCTIONS.find("cast", [f"{_outer(e.type)} AS {_outer(target)}"])
    if not isinstance(rule, Rule):
        refuse(f"CAST({_outer(e.type)} AS {_outer(target)})")
    return apply(c, rule, Call("cast", [e], target, c, safe))


def _convert_struct(c: Compiler, e: Expr, target: SqlType) -> Expr:
    pairs = enumerate(zip(e.type.fields, target.fields, strict=True))
    fields = (f"f{i} := {full(convert(c, Expr(f'({e.sql}).f{i}', a.type), b.type)).sql}" for i, (a, b) in pairs)
    made = f"(CASE WHEN {e.sql} IS NOT NULL THEN struct_pack({', '.join(fields)}) END)"
    return Expr(made, target, raises=True, folds=e.folds)


def _outer(type_: SqlType) -> str:
    return str(type_) if type_.kind is Kind.ARRAY else str(type_.kind)


# ----------------------------------------------------------------------------------------- functions


def function_name(found: Node) -> str:
    """GoogleSQL's own name of a built-in function."""
    name = str(tree.get(found, "function").name)
    group, _, plain = name.rpartition(":")
    return plain if group == "ZetaSQL" else refuse(f"the function {plain}")


def arguments(c: Compiler, found: Node) -> list[Expr]:
    """The compiled arguments of a call."""
    no_collation(found)
    generic = tree.get(found, "generic_argument_list")
    if not generic:
        return [c.expr(argument) for argument in tree.get(found, "argument_list")]
    if any(not argument.HasField("expr") for argument in generic):
        refuse("a lambda or a table as an argument")
    return [c.expr(argument.expr) for argument in generic]


@expression("FunctionCall")
def _function_call(c: Compiler, found: Node) -> Expr:
    name, args, type_ = function_name(found), arguments(c, found), c.type_of(found)
    duck_type(type_)
    rule = FUNCTIONS.find(name, [arg.key for arg in args])
    call = Call(name, args, type_, c, safe=tree.enum(found, "error_mode") == "SAFE_ERROR_MODE")
    if not isinstance(rule, Rule):
        refuse(f"{call.label}({call.signature})")
    return apply(c, rule, call)


def apply(c: Compiler, rule: Rule, call: Call) -> Expr:
    """The expression that a rule makes of a call."""
    c.use(rule.id)
    if rule.template is None:
        refuse(rule.why or f"{call.label}({call.signature})", code="refused")
    if not rule.narrow:
        call.args = full_width(call.args)
    mirror = FUNCTIONS.find(MIRRORED[rule.name], rule.types) if rule.name in MIRRORED else None
    mirrored = partial(_applied, mirror) if isinstance(mirror, Rule) and rule.types[0] == rule.types[-1] else None
    made = evaluated(call, partial(_applied, rule), mirrored, condition=c.condition)
    return characterized(rule, call, made)


def _filled(template: Template, call: Call) -> str | Expr:
    if not isinstance(template, str):
        return template(call)
    if repeats(template) and any(len(arg.sql) > LONG and "(SELECT" not in arg.sql for arg in call.args):
        return call.once(lambda bound: bound.fill(template))
    return call.fill(template)


def _safe(rule: Rule, call: Call) -> str | Expr:
    if rule.safe is TRY:
        return call.once(lambda bound: QUIET.attempt(_text(_filled(rule.template or "", bound))))
    if rule.safe is None or isinstance(rule.safe, bool) or (not isinstance(rule.safe, str) and not callable(rule.safe)):
        return call.refuse(f"SAFE.{call.label}" if rule.name != "cast" else f"SAFE_CAST({rule.signature})")
    return _filled(rule.safe, call)


def _text(made: str | Expr) -> str:
    return made.sql if isinstance(made, Expr) else made


def _applied(rule: Rule, call: Call) -> Expr:
    made = _safe(rule, call) if call.safe and rule.safe is not True else _filled(rule.template or "", call)
    if rule.strict:
        nulls = is_null(arg for arg in call.args if arg.facts.nulls and arg.keyword is None)
        made = f"(CASE WHEN {nulls} THEN NULL ELSE {_text(made)} END)" if nulls else made
    if isinstance(made, Expr):
        return made
    facts = rule.facts if isinstance(rule.facts, Facts) else rule.facts(call)
    return Expr(made, call.type, facts)


def unify(exprs: list[Expr]) -> list[Expr]:
    """Expressions that become one column: their NUMERICs are held alike."""
    return decimals.unify(exprs)
