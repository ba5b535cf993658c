"""Read a statement with sqlglot: which tables it names, which of their columns, and what its result is called.

BigQuery's text becomes DuckDB's by sqlglot alone. That is good enough to prove plumbing, and never proof of
dialect: the answers of the demo warehouse are DuckDB's opinion of the translated text. What sqlglot cannot read, or
what would need types that DuckDB does not have, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from bigpato_magic.demo.sqltypes import from_datatype
from bigpato_magic.errors import QueryError
from bigpato_magic.types import Column, Kind, SqlType, TableId

_NO_ENGINE = {"BIGDECIMAL": "BIGNUMERIC", "GEOGRAPHY": "GEOGRAPHY"}
_CARRIES = (exp.Alias, exp.Select, exp.Count, exp.Is, exp.Tuple, exp.Values, exp.Paren)
# Their answer changes from run to run: https://cloud.google.com/bigquery/docs/cached-results#cache-exceptions
_VOLATILE = (
    exp.CurrentDate,
    exp.CurrentDatetime,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.CurrentUser,
    exp.Rand,
    exp.SessionUser,
    exp.Uuid,
)
_UNKNOWN = re.compile(r'Referenced column "([^"]+)" not found')
_CANNOT = "The demo warehouse cannot run this statement: {what}"
_CANNOT_HINT = "BigQuery may well take it: the demo warehouse knows a good part of its SQL, not all"


def cannot(what: str, sql: str | None = None) -> QueryError:
    """The error for what the demo warehouse does not do."""
    return QueryError(_CANNOT.format(what=what), sql=sql, hint=_CANNOT_HINT)


def parse(sql: str) -> list[exp.Expr]:
    """The statements of a text.

    Raises:
        QueryError: sqlglot cannot read it (line and column of the place).
    """
    import sqlglot

    try:
        found = [s for s in sqlglot.parse(_name_positional(sql), read="bigquery") if s is not None]
    except SqlglotError as error:
        raise _syntax_error(error, sql) from None
    if not found:
        raise QueryError("The query is empty.", sql=sql)
    for statement in found:
        if isinstance(statement, exp.Command):
            raise cannot(f"{statement.name or 'it'} …", sql)
    return found


def _name_positional(sql: str) -> str:
    """Call each `?` by its place in the text: sqlglot's tree has another order."""
    import sqlglot
    from sqlglot import TokenType

    if "?" not in sql:
        return sql
    places = [t.start for t in sqlglot.tokenize(sql, read="bigquery") if t.token_type is TokenType.PLACEHOLDER]
    for number, start in reversed(list(enumerate(places, 1))):
        sql = f"{sql[:start]}@p{number}{sql[start + 1 :]}"
    return sql


def _syntax_error(error: SqlglotError, sql: str) -> QueryError:
    details: list[dict[str, Any]] = getattr(error, "errors", None) or [{}]
    first = details[0]
    message = str(first.get("description") or error).splitlines()[0]
    highlight = first.get("highlight")
    message = f"Syntax error: {message.rstrip('.')}" + (f' near "{highlight}"' if highlight else "")
    column = first.get("col")
    begin = column - len(highlight) + 1 if column and highlight else column
    return QueryError(message, sql=sql, line=first.get("line"), column=begin)


def locate(error: QueryError, statement: exp.Expr) -> None:
    """Where the name stands that DuckDB does not know."""
    unknown = _UNKNOWN.search(error.message)
    if unknown is None or error.line is not None:
        return
    error.message = f"Unrecognized name: {unknown[1]}"
    found = (c.this.meta for c in statement.find_all(exp.Column) if c.name.lower() == unknown[1].lower())
    meta: dict[str, Any] = next(found, {})
    if "line" in meta:
        error.line, error.column = meta["line"], meta["col"] - len(unknown[1]) + 1


@dataclass(frozen=True, slots=True)
class Reference:
    """A table's name in a statement: where, and the full name it stands for."""

    node: exp.Table
    table: TableId


def references(statement: exp.Expr, default: tuple[str, str | None]) -> list[Reference]:
    """The tables that a statement names, without its common table expressions.

    Raises:
        QueryError: an unqualified name without a default dataset, or INFORMATION_SCHEMA.
    """
    return [
        Reference(node, _full_name(node, default))
        for node in statement.find_all(exp.Table)
        if isinstance(node.this, exp.Identifier) and not _is_cte(node) and not _is_array(node)
    ]


def _full_name(node: exp.Table, default: tuple[str, str | None]) -> TableId:
    parts = [p.name for p in node.parts]
    if any("INFORMATION_SCHEMA" in p.upper() for p in parts):
        raise cannot("INFORMATION_SCHEMA is not there")
    try:
        return TableId.parse(".".join(parts), project=default[0], dataset=default[1])
    except ValueError:
        name = ".".join(parts)
        raise QueryError(f'Table "{name}" must be qualified with a dataset (e.g. dataset.table).') from None


def _is_cte(node: exp.Table) -> bool:
    if node.args.get("db"):
        return False
    inner: exp.Expr = node
    parent = node.parent
    while parent is not None:
        clause = parent if isinstance(parent, exp.With) else parent.args.get("with_")
        if clause is not None and clause is not inner and node.name.lower() in _visible(clause, inner):
            return True
        inner, parent = parent, parent.parent
    return False


def _visible(clause: exp.With, inner: exp.Expr) -> set[str]:
    """Names that the clause gives to `inner`: to one of its own expressions, only those written before it."""
    names = [cte.alias.lower() for cte in clause.expressions]
    if clause.recursive or inner not in clause.expressions:
        return set(names)
    position = next(i for i, cte in enumerate(clause.expressions) if cte is inner)
    return set(names[:position])


def _is_array(node: exp.Table) -> bool:
    """`FROM t, t.items` names a column of `t`."""
    select = node.find_ancestor(exp.Select)
    if not node.args.get("db") or node.args.get("catalog") or select is None:
        return False
    return any(
        other is not node and other.alias_or_name == node.args["db"].name
        for other in select.find_all(exp.Table)
        if other.find_ancestor(exp.Select) is select
    )


def rename(references_: Iterable[Reference], names: Mapping[TableId, str]) -> None:
    """Let each reference name a relation of DuckDB instead; columns keep finding it by its own name."""
    found = list(references_)
    for reference in found:
        node = reference.node
        if not node.alias:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(reference.table.table, quoted=True)))
        node.set("this", exp.to_identifier(names[reference.table], quoted=True))
        node.set("db", None)
        node.set("catalog", None)
    if found:
        _strip_datasets(found[0].node.root())


def _strip_datasets(root: exp.Expr) -> None:
    """`shop.orders.id` is `orders.id` now that no relation has a dataset."""
    for column in root.find_all(exp.Column):
        if column.args.get("db"):
            column.set("db", None)
            column.set("catalog", None)


def to_duckdb(statement: exp.Expr) -> str:
    """DuckDB's text.

    Raises:
        QueryError: sqlglot knows that DuckDB has no such thing.
    """
    try:
        return statement.sql(dialect="duckdb")
    except (SqlglotError, NotImplementedError, ValueError) as error:
        raise cannot(str(error).splitlines()[0]) from None


def is_volatile(statement: exp.Expr) -> bool:
    """Whether it may answer something else each time."""
    if statement.find(*_VOLATILE):
        return True
    return any(f.name.upper() in ("GENERATE_UUID", "RAND") for f in statement.find_all(exp.Anonymous))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a SELECT reads and gives, as far as sqlglot can tell.

    Args:
        columns: lower-case names by table, None for a table of which no more is known than that it is read.
        types: of the result's columns, None where not known.
    """

    columns: Mapping[TableId, frozenset[str] | None]
    types: tuple[SqlType | None, ...]


def read(query: exp.Query, tables: Mapping[TableId, Sequence[Column]], default: tuple[str, str | None]) -> Reading:
    """What a SELECT reads and gives.

    Raises:
        QueryError: it computes with BIGNUMERIC or GEOGRAPHY.
    """
    nothing = Reading(dict.fromkeys(tables), ())
    try:
        qualified = _qualify(query, tables, default)
    except (SqlglotError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return nothing
    _refuse_types(qualified)
    types = tuple(_type_of(select) for select in qualified.selects)
    try:
        columns = _columns(pushdown_projections(qualified))
    except (SqlglotError, ValueError, KeyError, TypeError, AttributeError):
        return Reading(nothing.columns, types)
    return Reading({t: columns.get(t, frozenset()) for t in tables}, types)


def _qualify(
    query: exp.Query, tables: Mapping[TableId, Sequence[Column]], default: tuple[str, str | None]
) -> exp.Query:
    mapping: dict[str, Any] = {}
    for table, columns in tables.items():
        project = mapping.setdefault(table.project, {})
        project.setdefault(table.dataset, {})[table.table] = {c.name: str(c.type) for c in columns}
    schema = MappingSchema(mapping or None, dialect="bigquery")
    qualified = qualify(
        query.copy(),
        schema=schema,
        catalog=default[0],
        db=default[1],
        dialect="bigquery",
        validate_qualify_columns=False,
        quote_identifiers=False,
    )
    annotated: exp.Query = annotate_types(qualified, schema=schema, dialect="bigquery")
    return annotated


def _type_of(select: exp.Expr) -> SqlType | None:
    value = select.unalias()
    if isinstance(value, exp.Literal) and not value.is_string and not value.is_int:
        return SqlType(Kind.FLOAT64)  # sqlglot says NUMERIC of 1.5, GoogleSQL FLOAT64
    return from_datatype(select.type)


def _refuse_types(query: exp.Expr) -> None:
    """Without the types, comparing and sorting them as text would be a guess."""
    for node in query.find_all(exp.Column, exp.Cast):
        name = node.type.this.name if node.type else ""
        if name in _NO_ENGINE and not isinstance(node.parent, _CARRIES):
            raise cannot(f"DuckDB has no {_NO_ENGINE[name]} to compute with")
        if name in _NO_ENGINE and isinstance(node, exp.Cast) and not isinstance(node.this, exp.Null):
            raise cannot(f"DuckDB has no {_NO_ENGINE[name]}")


def _columns(query: exp.Expr) -> dict[TableId, frozenset[str]]:
    found: dict[TableId, set[str]] = {}
    for scope in traverse_scope(query):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table) and source.catalog:
                table = TableId(source.catalog, source.db, source.name)
                found.setdefault(table, set()).add(column.name.lower())
    return {table: frozenset(names) for table, names in found.items()}


def name_anonymous(query: exp.Query) -> None:
    """Give the columns without a name the ones that BigQuery gives them: `f0_`, `f1_` and so on."""
    count = 0
    for select in query.selects:
        if select.is_star or select.alias or isinstance(select.unnest(), (exp.Column, exp.Dot)):
            continue
        select.replace(exp.alias_(select.copy(), f"f{count}_"))
        count += 1
