"""A SELECT of the demo warehouse as DuckDB's SQL by sqlglot, and the views that it, or a change of a table, reads by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from bigpato_magic.demo import statement as st
from bigpato_magic.demo.context import Context, cannot
from bigpato_magic.demo.history import TableState
from bigpato_magic.demo.meaning import MAX_VIEW_DEPTH, Lookup, Visible
from bigpato_magic.demo.sqltypes import duck_type
from bigpato_magic.demo.storage import PSEUDO_COLUMNS
from bigpato_magic.errors import ParameterError, QueryError
from bigpato_magic.sql.physical import identifier
from bigpato_magic.types import Kind, OutputColumn, Parameter, TableId

# How DuckDB and sqlglot refuse a translation; what fails while it runs has other words.
_REFUSED = ("Syntax error", "Unrecognized name", "No function matches", "Cannot compare values", "Referenced column")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A statement with its tables known and its views written out.

    Args:
        statement: sqlglot's tree, still with BigQuery's names.
        states: of the tables that it reads, all of one instant.
        named: tables that its text names, views included.
    """

    statement: Any
    states: Mapping[TableId, TableState]
    named: tuple[TableId, ...]


def resolved(statement: exp.Expr, lookup: Lookup, context: Context) -> Resolved:
    """Write the views of a statement out, in place.

    Raises:
        QueryError: a name is unknown, or views are nested too deeply.
    """
    named = tuple(dict.fromkeys(r.table for r in st.references(statement, context)))
    for _ in range(MAX_VIEW_DEPTH):
        references = st.references(statement, context)
        states = lookup({r.table for r in references})
        views = [r for r in references if states[r.table].definition is not None]
        if not views:
            return Resolved(statement, states, named)
        for view in views:
            _write_out(view, states[view.table].definition or "")
    raise QueryError("Views are nested too deeply.")


def _write_out(view: st.Reference, definition: str) -> None:
    alias = view.node.alias or view.table.table
    inner = st.parse(definition)
    view.node.replace(exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True))))


def resolved_query(sql: str, lookup: Lookup, context: Context) -> Resolved:
    """A SELECT, its views written out.

    Raises:
        QueryError: sqlglot does not read it, or a name is unknown.
    """
    statement = st.parse(sql)
    if not isinstance(statement, exp.Query):
        raise cannot(f"{statement.key.upper()} …")
    st.name_anonymous(statement)
    return resolved(statement, lookup, context)


def refusal(error: QueryError, sql: str) -> QueryError:
    """The error of a translation of a query that Google's analyzer takes: one of the demo warehouse, if it did not run."""
    return cannot(error.message, sql) if error.message.startswith(_REFUSED) else error


def select_sql(
    con: Any, query: Resolved, visible: Visible, context: Context, known: tuple[OutputColumn, ...] | None = None
) -> tuple[str, tuple[OutputColumn, ...]]:
    """DuckDB's SQL of a SELECT over views that are made in `con`, and the columns of its result.

    Args:
        con: a session.
        query: its views written out.
        visible: reads tables.
        context: under which it runs, at one instant.
        known: names and types of the result by Google's analyzer, to which the query is right then; else as DuckDB
            describes its translation.

    Raises:
        QueryError: it is wrong, or the demo warehouse does not do this.
    """
    st.refuse_traps(query.statement, query.states)
    bind(con, query.statement, query.states, visible, context)
    sql = st.to_duckdb(query.statement)
    outputs = known or _described(con.execute(f"DESCRIBE {sql}", parameter_values(context.parameters)).fetchall())
    _refuse_duplicates(outputs)
    inner = ", ".join(f"c{i}" for i in range(len(outputs)))
    casts = (_result_sql(f"c{i}", o) for i, o in enumerate(outputs))
    return f"SELECT {', '.join(casts)} FROM ({sql}) AS q({inner})", outputs


def bind(
    con: Any, statement: exp.Expr, states: Mapping[TableId, TableState], visible: Visible, context: Context
) -> None:
    """Make a view for each table, and let the statement name it; parameters get their types."""
    hidden = _mentions_pseudo(statement)
    references = st.references(statement, context)
    names: dict[TableId, str] = {}
    for table in dict.fromkeys(r.table for r in references):
        names[table] = f"r{len(names)}"
        con.execute(f"CREATE OR REPLACE TEMP VIEW {names[table]} AS {visible(states[table], hidden)}")
    if hidden and any(s.by_ingestion for s in states.values()):
        _hide_pseudo(statement)
    st.rename(references, names)
    _type_parameters(statement, context.parameters)


def _mentions_pseudo(statement: exp.Expr) -> bool:
    names = {c.name for c in PSEUDO_COLUMNS}
    return any(c.name.upper() in names for c in statement.find_all(exp.Column))


def _hide_pseudo(statement: exp.Expr) -> None:
    """`SELECT *` never shows a pseudo-column."""
    for star in list(statement.find_all(exp.Star)):
        if isinstance(star.parent, exp.Select) and not star.args.get("except_"):
            star.set("except_", [exp.column(c.name) for c in PSEUDO_COLUMNS])


def _described(rows: Sequence[Sequence[Any]]) -> tuple[OutputColumn, ...]:
    """The columns that DuckDB describes."""
    outputs = []
    for name, duck, *_ in rows:
        try:
            type_ = st.from_datatype(exp.DataType.build(duck.replace('"NULL"', "BIGINT"), dialect="duckdb"))
        except ParameterError:
            raise cannot(f"a result of DuckDB's type {duck} has no BigQuery type") from None
        outputs.append(OutputColumn(name, type_))
    return tuple(outputs)


def _refuse_duplicates(outputs: Sequence[OutputColumn]) -> None:
    """BigQuery's error for two columns of one name."""
    names = [o.name.lower() for o in outputs]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise QueryError(f"Duplicate column names in the result are not supported. Found duplicate(s): {twice[0]}")


def _result_sql(value: str, output: OutputColumn) -> str:
    """The SQL that gives a value the type of its output column."""
    cast = f"CAST({value} AS {duck_type(output.type)})"
    if output.type.kind is Kind.JSON:
        cast = f"CAST({cast} AS VARCHAR)"
    return f"{cast} AS {identifier(output.name)}"


def _type_parameters(query: exp.Expr, parameters: Sequence[Parameter]) -> None:
    """`@x` becomes `CAST($x AS its type)`; `statement.parse` has called the positional ones `@p1`, `@p2` and so on."""
    by_name = {_parameter_name(p, i): p for i, p in enumerate(parameters, 1)}
    for node in list(query.find_all(exp.Parameter)):
        name = node.name.lower()
        if name not in by_name:
            raise QueryError(f"Query parameter '{name}' not found")
        typed = exp.cast(
            exp.Placeholder(this=name), exp.DataType.build(duck_type(by_name[name].type), dialect="duckdb")
        )
        node.replace(typed)


def _parameter_name(parameter: Parameter, position: int) -> str:
    return parameter.name.lower() if parameter.name else f"p{position}"


def parameter_values(parameters: Sequence[Parameter]) -> dict[str, Any] | None:
    """The values by the names that `bind` gave them."""
    named = {_parameter_name(p, i): p.value for i, p in enumerate(parameters, 1)}
    return named or None
