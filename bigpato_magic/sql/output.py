"""The last projection: exact types, BigQuery's column names, field names of STRUCTs, no NULL arrays."""

from __future__ import annotations

from bigpato_magic.sql.compiler import Compiler, is_nested
from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.expressions import field_names
from bigpato_magic.sql.physical import FULL, duck_type, full, identifier
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.rules.base import bind
from bigpato_magic.types import Kind, OutputColumn, SqlType


def output_list(c: Compiler, exprs: list[Expr], outputs: tuple[OutputColumn, ...]) -> str:
    """The SELECT list of the whole query.

    Raises:
        Unsupported: two columns have one name, which BigQuery itself may refuse.
    """
    if len({output.name.lower() for output in outputs}) < len(outputs):
        refuse("two columns of the same name in a result", code="names")
    if any(output.type.has(Kind.INTERVAL) for output in outputs):
        # BigQuery's own client gives them as text, months and days, or `relativedelta`, by version.
        refuse("INTERVAL values in a result", code="type")
    if any(output.type.has(Kind.RANGE) for output in outputs):
        refuse("RANGE values in a result", code="type")
    pairs = zip(exprs, outputs, strict=True)
    return ", ".join(f"{_value(c, e, out.type)} AS {identifier(out.name)}" for e, out in pairs)


def inner_list(c: Compiler, exprs: list[Expr], outputs: tuple[OutputColumn, ...]) -> str:
    """The SELECT list of a part whose rows another engine goes on with: values as they are inside a query."""
    pairs = zip(exprs, outputs, strict=True)
    return ", ".join(
        f"{e.sql if is_nested(out.type) else _value(c, e, out.type)} AS {identifier(out.name)}" for e, out in pairs
    )


def _value(c: Compiler, e: Expr, type_: SqlType) -> str:
    if is_nested(type_):
        return _named(c, e.sql, type_) if e.simple else bind(c, e.sql, lambda value: _named(c, value, type_))
    # A NUMERIC column may be a narrower DECIMAL, which `full` has widened already.
    already = e.facts.decimal not in (None, FULL) if type_.kind is Kind.NUMERIC else e.plain
    return full(e).sql if already else f"CAST({full(e).sql} AS {duck_type(type_)})"


def _named(c: Compiler, sql: str, type_: SqlType) -> str:
    """A nested value with its field names, and with [] for a NULL array; a NULL in an array is an error in a result.

    https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#array_nulls
    """
    if type_.kind is Kind.ARRAY and type_.element:
        c.seen.guarded = True
        whole = (
            f"(CASE WHEN len({sql}) <> list_aggregate({sql}, 'count') THEN error('an array with a NULL element') "
            f"ELSE coalesce({sql}, []) END)"
        )
        if not type_.element.has(Kind.STRUCT):
            return whole
        item = c.fresh("x")
        return f"list_transform({whole}, lambda {item}: {_named(c, item, type_.element)})"
    if type_.kind is Kind.STRUCT:
        pairs = enumerate(zip(field_names(type_), type_.fields, strict=True))
        fields = ", ".join(f"{name} := {_named(c, f'({sql}).f{i}', field.type)}" for i, (name, field) in pairs)
        return f"(CASE WHEN {sql} IS NULL THEN NULL ELSE struct_pack({fields}) END)"
    return sql
