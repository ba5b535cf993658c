"""Expressions of the resolved tree: columns, literals, parameters, STRUCTs, casts and calls of functions."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.sql.compiler import Compiler, expression, full_width, no_collation
from bigpato_magic.sql.draws import RAND, draw
from bigpato_magic.sql.expr import NOT_NULL, Expr, Facts, Marks, assemble, part_of
from bigpato_magic.sql.physical import duck_type, full, identifier, literal, same_physical
from bigpato_magic.sql.raising import JOINING, LAZY, MIRRORED, characterized, constants, evaluated
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.rules import FUNCTIONS, NULL_ON_ERROR
from bigpato_magic.sql.rules.base import LETTERS, TRY, Call, Rule, Template, bind, is_null
from bigpato_magic.sql.rules.json import member
from bigpato_magic.sql.templates import NOTHING, fill, mark, parse
from bigpato_magic.sql.templates import Template as ParsedTemplate
from bigpato_magic.types import Kind, SqlType, held_name

Node = Any
# What is only an argument of a function, never a value: the type is a placeholder.
KEYWORD = SqlType(Kind.STRING)
LETTER_MARKS = tuple(mark(place) for place, _ in enumerate(LETTERS))


@expression("ColumnRef")
def _column_ref(c: Compiler, node: Node) -> Expr:
    column = c.columns.get(node.column.column_id)
    return column if column is not None else refuse("a column that is not in reach", code="no-node")


@expression("Literal")
def _literal(c: Compiler, node: Node) -> Expr:
    if node.value.value.timestamp_value.nanos % 1000:
        refuse("a TIMESTAMP with nanoseconds", code="literal")
    if tree.type_name(node.value.type) == "ENUM":
        return Expr("''", KEYWORD, keyword=str(tree.literal(node)))
    return literal(tree.literal(node), c.type_of(node))


@expression("Parameter")
def _parameter(c: Compiler, node: Node) -> Expr:
    """`$p_name` or `$p1`, cast to the exact type; a STRUCT comes with its field names and goes on by position."""
    type_ = c.type_of(node)
    if type_.kind is not Kind.BIGNUMERIC and type_.has(Kind.BIGNUMERIC):
        refuse("a parameter with BIGNUMERIC values inside", code="type")
    if type_.has(Kind.RANGE):
        refuse("a parameter that is a RANGE", code="type")
    name = held_name(node.name or None, node.position)
    if not (name.isascii() and name.isidentifier()):
        refuse(f"a parameter called `{node.name}`")
    named = f"CAST(${name} AS {named_type(type_)})"
    positional = to_positional(c, named, type_)
    return assemble((), lambda _: Expr(positional, type_, constant=True, folds_to_null=True))


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
        Unsupported: two fields have one name, which DuckDB cannot hold.
    """
    names = [field.name or f"_field_{i + 1}" for i, field in enumerate(type_.fields)]
    if len({name.lower() for name in names}) < len(names):
        refuse("a STRUCT with two fields of one name", code="type")
    return [identifier(name) for name in names]


def to_positional(c: Compiler, sql: str, type_: SqlType) -> str:
    """A value whose STRUCT fields have names, with its fields by position."""
    if not type_.has(Kind.STRUCT):
        return sql
    if type_.kind is Kind.ARRAY and type_.element:
        item = c.fresh("x")
        return f"list_transform({sql}, lambda {item}: {to_positional(c, item, type_.element)})"
    parts = zip(field_names(type_), type_.fields, strict=True)
    fields = ", ".join(f"f{i} := {to_positional(c, f'({sql}).{n}', f.type)}" for i, (n, f) in enumerate(parts))
    return f"(CASE WHEN {sql} IS NULL THEN NULL ELSE struct_pack({fields}) END)"


@expression("MakeStruct")
def _make_struct(c: Compiler, node: Node) -> Expr:
    type_ = c.type_of(node)
    values = [full(c.expr(field)) for field in node.field_list]

    def pack(parts: list[Expr]) -> Expr:
        fields = ", ".join(f"f{i} := {part.sql}" for i, part in enumerate(parts))
        can_throw, constant = any(part.can_throw for part in parts), all(part.constant for part in parts)
        packed = f"CAST(struct_pack({fields}) AS {duck_type(type_)})"
        return Expr(packed, type_, NOT_NULL, can_throw=can_throw, constant=constant)

    return assemble(values, pack)


@expression("GetStructField")
def _get_struct_field(c: Compiler, node: Node) -> Expr:
    type_ = c.type_of(node)
    duck_type(type_)
    struct = c.expr(node.expr)
    field = struct.written(f"({{a}}).f{node.field_idx}")
    return part_of(struct, Expr(field.sql, type_, properties=field.properties))


@expression("GetJsonField")
def _get_json_field(c: Compiler, node: Node) -> Expr:
    """`value.name` of a value of the JSON type.

    https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#field_access_operator
    """
    if node.field_name.isdigit():
        refuse(f"the JSON field {node.field_name}")
    type_, value = c.type_of(node), c.expr(node.expr)
    field = assemble([value], lambda parts: Expr(member(parts[0].sql, node.field_name), type_))
    return part_of(value, field)


@expression("WithExpr")
def _with_expr(c: Compiler, node: Node) -> Expr:
    """WITH(a AS x, …, body): the texts are put where the names are; evaluation has no effects that could be seen."""
    for assignment in node.assignment_list:
        c.columns[assignment.column.column_id] = c.expr(assignment.expr)
    return c.expr(node.expr)


# ------------------------------------------------------------------------------------------- casts


@expression("Cast")
def _cast(c: Compiler, node: Node) -> Expr:
    if tree.has(node, "extended_cast") and node.extended_cast.element_list:
        refuse("an extended CAST")
    e, type_, safe = c.expr(node.expr), c.type_of(node), node.return_null_on_error
    if tree.has(node, "format") or tree.has(node, "time_zone"):
        return _formatted(c, node, Call("cast_format", [e], type_, c, safe))
    cast = convert(c, e, type_, safe=safe)
    if not tree.has(node, "type_modifiers") or not node.type_modifiers.ByteSize():
        return cast
    return _parameterized(c, cast, node.type_modifiers, safe)


def _formatted(c: Compiler, node: Node, call: Call) -> Expr:
    """CAST(… FORMAT … [AT TIME ZONE …])."""
    if not tree.has(node, "format"):
        refuse("CAST with a time zone and no FORMAT")
    pair = f"{_outer(call.args[0].type)} AS {_outer(call.type)}"
    call.args.append(c.expr(node.format))
    if tree.has(node, "time_zone"):
        call.args.append(c.expr(node.time_zone))
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
    # Of SAFE_CAST the manual and the evaluator say different things here.
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
    facts = replace(e.facts, nulls=True, zero=True, decimal=None)
    fit = call.assembled(lambda call: Expr(call.once(lambda bound: bound.fill(fitted)), e.type, facts))
    return replace(fit, can_throw=True, constant=e.constant, folds_to_null=e.folds_to_null)


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
        return assemble(
            [e],
            lambda parts: Expr(
                f"list_transform({parts[0].sql}, lambda {item}: {inner})",
                target,
                can_throw=True,
                constant=e.constant,
                folds_to_null=e.folds_to_null,
            ),
        )
    if not safe and e.type.kind is target.kind is Kind.STRUCT and len(e.type.fields) == len(target.fields):
        return _convert_struct(c, e, target)
    rule = FUNCTIONS.find("cast", [f"{_outer(e.type)} AS {_outer(target)}"])
    if not isinstance(rule, Rule):
        refuse(f"CAST({_outer(e.type)} AS {_outer(target)})")
    return apply(c, rule, Call("cast", [e], target, c, safe))


def _convert_struct(c: Compiler, e: Expr, target: SqlType) -> Expr:
    pairs = list(enumerate(zip(e.type.fields, target.fields, strict=True)))

    def build(value: str) -> str:
        known = e.properties if e.simple else NOTHING
        parts = ((Expr(f"({value}).f{i}", a.type, properties=known), b.type) for i, (a, b) in pairs)
        fields = (f"f{i} := {full(convert(c, part, type_)).sql}" for i, (part, type_) in enumerate(parts))
        return f"(CASE WHEN {value} IS NOT NULL THEN struct_pack({', '.join(fields)}) END)"

    def convert_fields(parts: list[Expr]) -> Expr:
        value = parts[0].sql
        return Expr(
            build(value) if e.simple else bind(c, value, build),
            target,
            can_throw=True,
            constant=e.constant,
            folds_to_null=e.folds_to_null,
        )

    return assemble([e], convert_fields)


def _outer(type_: SqlType) -> str:
    return str(type_) if type_.kind is Kind.ARRAY else str(type_.kind)


# ----------------------------------------------------------------------------------------- functions


def function_name(node: Node) -> str:
    """GoogleSQL's own name of a built-in function."""
    group, _, plain = tree.function_name(node).rpartition(":")
    return refuse(f"the function {plain}") if group else plain


def arguments(c: Compiler, node: Node, *, condition: bool = False) -> list[Expr]:
    """The compiled arguments of a call; `condition` as for `Compiler.expr`."""
    no_collation(node)
    generic = tree.get(node, "generic_argument_list")
    if not generic:
        return [c.expr(argument, condition=condition) for argument in tree.get(node, "argument_list")]
    if any(not argument.HasField("expr") for argument in generic):
        refuse("a lambda or a table as an argument")
    return [c.expr(argument.expr) for argument in generic]


@expression("FunctionCall")
def _function_call(c: Compiler, node: Node) -> Expr:
    name, type_ = function_name(node), c.type_of(node)
    if name == RAND:
        return draw(c)
    args = arguments(c, node, condition=c.condition and name == "$not")
    duck_type(type_)
    rule = FUNCTIONS.find(name, [arg.key for arg in args])
    call = Call(name, args, type_, c, safe=tree.enum(node, "error_mode") == "SAFE_ERROR_MODE")
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
    if answer := _directly(rule, call):
        return answer
    mirror = FUNCTIONS.find(MIRRORED[rule.name], rule.types) if rule.name in MIRRORED else None
    # What joins are made of is seen by DuckDB's optimizer; it gives a BOOL, which nothing mentions twice.
    build = _written if c.condition and rule.name in JOINING else _applied
    mirrored = partial(build, mirror) if isinstance(mirror, Rule) and rule.types[0] == rule.types[-1] else None
    c.constants.update(dict.fromkeys(constants(call)))
    marks = Marks()
    call.args = [marks.marked(arg) for arg in call.args]
    answer = evaluated(call, partial(build, rule), mirrored, condition=c.condition)
    return marks.filled(characterized(rule, call, answer))


def _directly(rule: Rule, call: Call) -> Expr | None:
    """What a rule that is a text makes of a call, if no argument raises or must be bound first: most are so."""
    args = call.args
    if not isinstance(rule.template, str) or rule.strict or call.safe or any(arg.can_throw for arg in args):
        return None
    template, parts = lettered(rule.template), dict(zip(LETTER_MARKS, args, strict=False))
    if any(
        times > 1 and not (parts[each].simple or parts[each].properties.light)
        for each, times in template.mentions.items()
    ):
        return None
    facts = rule.facts if isinstance(rule.facts, Facts) else rule.facts(call)
    answer = Expr(template.fill(parts), call.type, facts, properties=template.properties(parts))
    return characterized(rule, call, answer)


@cache
def lettered(template: str) -> ParsedTemplate:
    """The template of a rule, read."""
    return parse(fill(template, dict(zip(LETTERS, LETTER_MARKS, strict=True))))


def _filled(template: Template, call: Call) -> str | Expr:
    return call.fill(template) if isinstance(template, str) else template(call)


def _safe(rule: Rule, call: Call) -> str | Expr:
    if rule.safe is TRY:
        return call.once(lambda bound: NULL_ON_ERROR.attempt(_text(_filled(rule.template or "", bound))))
    if not isinstance(rule.safe, str) and not callable(rule.safe):
        return call.refuse(f"SAFE.{call.label}" if rule.name != "cast" else f"SAFE_CAST({rule.signature})")
    return _filled(rule.safe, call)


def _text(template: str | Expr) -> str:
    return template.sql if isinstance(template, Expr) else template


def _applied(rule: Rule, call: Call) -> Expr:
    """What a rule makes of a call; arguments that would be evaluated several times are bound first."""
    answer, operand = _written(rule, call), call.name == "$case_with_value"
    if call.name in LAZY and not operand:
        return answer
    if not _repeats(answer.sql, call.args[:1] if operand else call.args):
        return answer
    if operand and any(arg.properties.subquery for arg in call.args[1:]):
        return answer  # a lambda has no subqueries
    return call.bound(partial(_written, rule), first=operand)


def _repeats(template: str, args: list[Expr]) -> bool:
    """Does a template mention one of these, more often than it is given, that is too long for it?"""
    long = [arg.sql for arg in args if not (arg.simple or arg.keyword or arg.properties.light)]
    if not long:
        return False
    mentions, allowed = parse(template).mentions, max(map(long.count, long))
    return any(mentions.get(each, 0) > allowed for each in long)


def _written(rule: Rule, call: Call) -> Expr:
    answer = _safe(rule, call) if call.safe and not rule.same_if_safe else _filled(rule.template or "", call)
    if rule.strict:
        nulls = is_null(arg for arg in call.args if arg.facts.nulls and arg.keyword is None)
        answer = f"(CASE WHEN {nulls} THEN NULL ELSE {_text(answer)} END)" if nulls else answer
    if isinstance(answer, Expr):
        return answer
    facts = rule.facts if isinstance(rule.facts, Facts) else rule.facts(call)
    return Expr(answer, call.type, facts)
