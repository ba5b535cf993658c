"""Read a statement with sqlglot: which tables it names, what its result is called, and DuckDB's text of it.

That is for what changes tables, and for the SELECTs that Google's analyzer cannot judge yet or that neither our own
compiler nor its evaluator takes. A translation of text proves plumbing, and never dialect: where it is known to go
wrong (`TRAPS`) it is an error, as is what sqlglot cannot read or DuckDB has no types for.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import ErrorLevel, SqlglotError

from bigpato_magic.demo.context import Context, cannot
from bigpato_magic.demo.history import TableState
from bigpato_magic.errors import QueryError
from bigpato_magic.googlesql.lexer import blanked, query_start
from bigpato_magic.parameters import parse_type
from bigpato_magic.types import Column, Kind, SqlType, StructField, TableId, array_of

# What sqlglot warns of is refused here; a person who wants its log adds a handler.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())

TRAPS: Mapping[type[exp.Expr], str] = {
    exp.Bracket: "an index beyond an array's end is an error on BigQuery, and NULL in DuckDB",
    exp.CountIf: "COUNTIF of no rows is 0 on BigQuery, and NULL in DuckDB",
    exp.DateTrunc: "DuckDB's result is no DATE",
    exp.Format: "DuckDB's FORMAT has other patterns",
    exp.JSONExtract: "DuckDB reads JSON otherwise",
    exp.JSONExtractScalar: "DuckDB reads JSON otherwise",
    exp.ParseJSON: "DuckDB prints JSON otherwise",
    exp.RegexpExtract: "DuckDB tells a group that does not match otherwise",
    exp.Substring: "DuckDB counts places before the first character otherwise",
    exp.TimeToStr: "DuckDB's patterns of dates and times are others",
    exp.StrToTime: "DuckDB's patterns of dates and times are others",
    exp.WeekStart: "DuckDB counts weeks and their days otherwise",
}
"""Parts of a SELECT that sqlglot's translation is known to give another meaning, and which."""

_WEEKS = frozenset({"DAYOFWEEK", "ISOWEEK", "ISOYEAR", "WEEK"})
_NO_ENGINE = {Kind.BIGNUMERIC: "BIGDECIMAL", Kind.GEOGRAPHY: "GEOGRAPHY"}
_CARRIES = (exp.Alias, exp.Select, exp.Count, exp.Is, exp.Tuple, exp.Values, exp.Paren)
QUERY = "query"
"""Under this name a statement's `meta` has the text of the query that it begins a table, or a view, with."""


def parse(sql: str) -> exp.Expr:
    """One statement.

    Raises:
        QueryError: sqlglot cannot read it.
    """
    try:
        statement = sqlglot.parse_one(_name_positional(sql), read="bigquery")
    except SqlglotError as error:
        raise QueryError(f"Syntax error: {str(error).splitlines()[0]}", sql=sql) from None
    if isinstance(statement, exp.Command):
        raise cannot(f"{statement.name or 'it'} …", sql)
    start = query_start(sql)
    if start is not None:
        statement.meta[QUERY] = blanked(sql[:start]) + sql[start:]
    return statement


def _name_positional(sql: str) -> str:
    """Call each `?` by its place in the text: sqlglot's tree has another order."""
    if "?" not in sql:
        return sql
    places = [t.start for t in sqlglot.tokenize(sql, read="bigquery") if t.token_type is TokenType.PLACEHOLDER]
    for number, start in reversed(list(enumerate(places, 1))):
        sql = f"{sql[:start]}@p{number}{sql[start + 1 :]}"
    return sql


@dataclass(frozen=True, slots=True)
class Reference:
    """A table's name in a statement: where, and the full name it stands for."""

    node: exp.Table
    table: TableId


def references(statement: exp.Expr, context: Context) -> list[Reference]:
    """The tables that a statement names, without its common table expressions.

    Raises:
        QueryError: an unqualified name without a default dataset, or INFORMATION_SCHEMA.
    """
    return [
        Reference(node, context.full_name([part.name for part in node.parts]))
        for node in statement.find_all(exp.Table)
        if isinstance(node.this, exp.Identifier) and not _is_cte(node) and not _is_array(node)
    ]


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


def rename(references_: Sequence[Reference], names: Mapping[TableId, str]) -> None:
    """Let each reference name a relation of DuckDB instead; columns keep finding it by its own name."""
    for reference in references_:
        node = reference.node
        if not node.alias:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(reference.table.table, quoted=True)))
        node.set("this", exp.to_identifier(names[reference.table], quoted=True))
        node.set("db", None)
        node.set("catalog", None)
    if references_:
        _strip_datasets(references_[0].node.root())


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
    statement = statement.copy()
    for division in list(statement.find_all(exp.Div)):
        _refuse_zero(division)
    for number in list(statement.find_all(exp.Literal)):
        if number.is_number and not number.is_int:  # a FLOAT64, where DuckDB takes it for a DECIMAL
            number.replace(exp.cast(number.copy(), exp.DataType.Type.DOUBLE))
    for day in list(statement.find_all(exp.DateAdd, exp.DateSub)):  # DuckDB makes a TIMESTAMP of it
        date = exp.cast(exp.null(), exp.DataType.Type.DATE)
        day.replace(date)
        date.set("this", day)
    for decimal in statement.find_all(exp.DataType):
        if decimal.this is exp.DataType.Type.DECIMAL and not decimal.expressions:
            decimal.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(n)) for n in (38, 9)])
    try:
        return statement.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)
    except (SqlglotError, NotImplementedError, ValueError) as error:
        raise cannot(str(error).splitlines()[0]) from None


def _refuse_zero(division: exp.Div) -> None:
    """BigQuery's `/` fails where DuckDB's gives an infinity."""
    divisor = division.expression
    if isinstance(divisor, exp.Literal) and float(divisor.name) != 0:
        return
    zero = exp.EQ(this=exp.paren(divisor.copy()), expression=exp.Literal.number(0))
    refusal = exp.Anonymous(this="error", expressions=[exp.Literal.string("division by zero")])
    division.set("expression", exp.Case(ifs=[exp.If(this=zero, true=refusal)], default=divisor.copy()))


def predicate_sql(text: str) -> str:
    """DuckDB's text of a predicate."""
    return sqlglot.parse_one(text, read="bigquery").sql(dialect="duckdb")


def refuse_traps(query: exp.Query, states: Mapping[TableId, TableState]) -> None:
    """See that a translation of a SELECT is not known to be wrong.

    Raises:
        QueryError: it is, or it computes with BIGNUMERIC or GEOGRAPHY: as texts, comparing and sorting would be a guess.
    """
    for node in query.walk():
        if why := TRAPS.get(type(node)):
            raise cannot(why)
        if isinstance(node, exp.Var) and node.name.upper() in _WEEKS:
            raise cannot("DuckDB counts weeks and their days otherwise")
        if isinstance(node, exp.Unnest) and node.args.get("offset"):
            raise cannot("DuckDB counts the places of an array from 1")
    for kind, word in _NO_ENGINE.items():
        names = {c.name.lower() for s in states.values() for c in s.columns if c.type.kind is kind}
        computed = (c for c in query.find_all(exp.Column) if not isinstance(c.parent, _CARRIES))
        casts = (c for c in query.find_all(exp.Cast) if not isinstance(c.this, exp.Null))
        if any(c.name.lower() in names for c in computed) or any(c.to.this.name == word for c in casts):
            raise cannot(f"DuckDB has no {kind} to compute with")


def columns_named(query: exp.Query, states: Mapping[TableId, TableState]) -> dict[TableId, frozenset[str]]:
    """Lower-case names of the columns that a SELECT may read: all whose names it mentions, every one for a `*`."""
    mentioned = {name.name.lower() for name in query.find_all(exp.Identifier)}
    everything = any(not isinstance(star.parent, exp.Count) for star in query.find_all(exp.Star))
    columns = {t: {c.name.lower() for c in s.columns} for t, s in states.items()}
    return {t: frozenset(names if everything else names & mentioned) for t, names in columns.items()}


def name_anonymous(query: exp.Query) -> None:
    """Give the columns without a name the ones that BigQuery gives them: `f0_`, `f1_` and so on."""
    count = 0
    for select in query.selects:
        if select.is_star or select.alias or isinstance(select.unnest(), (exp.Column, exp.Dot)):
            continue
        select.replace(exp.alias_(select.copy(), f"f{count}_"))
        count += 1


# ------------------------------------------------------------------------------------------------ types

# DuckDB's integers that BigQuery has no names for.
_INTEGERS = re.compile(r"\bU?INT128\b|\bU(?=(?:BIG|SMALL|TINY)?INT\b)")
_DIGITS = re.compile(r"\([\d, ]*\)")
_PARAMETERS = {Kind.STRING: ("max_length",), Kind.BYTES: ("max_length",)}
_DECIMAL_PARAMETERS = ("precision", "scale")


def from_datatype(datatype: exp.DataType) -> SqlType:
    """The BigQuery type of a type as sqlglot holds it.

    Raises:
        ParameterError: there is none.
    """
    if datatype.is_type(exp.DataType.Type.STRUCT):
        return SqlType(Kind.STRUCT, fields=tuple(map(_field, datatype.expressions)))
    if datatype.is_type(exp.DataType.Type.ARRAY, exp.DataType.Type.LIST) and datatype.expressions:
        return array_of(from_datatype(datatype.expressions[0]))
    written = datatype.sql(dialect="bigquery")
    written = _INTEGERS.sub(lambda integer: "INT64" if integer[0].endswith("128") else "", written)
    return parse_type(_DIGITS.sub("", written))


def _field(part: exp.ColumnDef | exp.DataType) -> StructField:
    if isinstance(part, exp.ColumnDef):
        return StructField(part.name, from_datatype(part.args["kind"]))
    return StructField("", from_datatype(part))


def column_of(definition: exp.ColumnDef) -> Column:
    """A column as `CREATE TABLE` declares it.

    Raises:
        ParameterError: its type is none of BigQuery's.
    """
    datatype = definition.args["kind"]
    sql_type = from_datatype(datatype)
    required = any(
        isinstance(c.kind, exp.NotNullColumnConstraint) and not c.kind.args.get("allow_null")
        for c in definition.constraints
    )
    return Column(definition.name, sql_type, required=required, parameters=_parameters(sql_type.kind, datatype))


def _parameters(kind: Kind, datatype: exp.DataType) -> tuple[tuple[str, int], ...]:
    if kind in (Kind.ARRAY, Kind.STRUCT, Kind.RANGE):
        return ()
    names = _PARAMETERS.get(kind, _DECIMAL_PARAMETERS)
    values = [int(p.name) for p in datatype.expressions if p.name.isdigit()]
    return tuple(zip(names, values, strict=False))
