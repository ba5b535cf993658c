"""What a query means: names resolved, types known, or BigQuery's own complaint with its line and column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import AnalyzerUnavailable, QueryError, TableNotFound
from bigpato_magic.googlesql import catalog, options, tree
from bigpato_magic.googlesql.catalog import Described, Path, Registered
from bigpato_magic.googlesql.instance import Refusal
from bigpato_magic.googlesql.service import service
from bigpato_magic.googlesql.text import Text, prepared
from bigpato_magic.googlesql.values import UnknownType, fill_type
from bigpato_magic.types import AnalyzedQuery, OutputColumn, SqlType, TableId, TableRead

if TYPE_CHECKING:
    from bigpato_magic.googlesql.instance import Instance

# An IN list of 1 MB takes 13 s, and a call cannot be stopped.
LONGEST = 100_000
# absl::StatusCode: what the person's SQL causes; all others are the analyzer's own.
_USER_ERRORS = frozenset({3, 5, 9, 11})
_RESERVED = ("_partition", "_table_", "_file_", "_row_timestamp", "__root__", "_colidentifier")


def table_names(sql: str) -> tuple[Path, ...]:
    """The tables that a text names, each as its parts are written; those of scripts and DML too.

    CTEs, arrays of a row and table functions are not among them.

    Raises:
        QueryError: a syntax error, with its place.
        AnalyzerUnavailable: the analyzer is not ready, or the text is too long for it.
    """
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as protos

    with _asking(Text(sql, sql)) as instance:
        request = protos.ExtractTableNamesFromStatementRequest(sql_statement=sql, allow_script=True)
        request.options.CopyFrom(options.parsing_options(instance))
        answer = instance.call("ExtractTableNamesFromStatement", request, protos.ExtractTableNamesFromStatementResponse)
    return tuple(tuple(found.table_name_segment) for found in answer.table_name)


def analyze(
    sql: str,
    tables: Mapping[Path, Described] | None = None,
    parameters: Mapping[str, SqlType] | None = None,
    *,
    positional: Sequence[SqlType] | None = None,
) -> AnalyzedQuery:
    """What one query means.

    Args:
        sql: the query.
        tables: the table that each path of `table_names(sql)` means.
        parameters: types of named parameters; those not told are inferred.
        positional: types of the `?` in order, all of them; `()` infers them; None where parameters are named.

    Raises:
        QueryError: BigQuery would refuse the query; with line and column where known.
        AnalyzerUnavailable: the analyzer is not ready, gave up, or BigQuery may know what it does not.
    """
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as protos

    entries = catalog.entries(tables or {})
    text = prepared(sql, (tables or {}).keys())
    with _asking(text) as instance:
        known = catalog.registered(instance, entries)
        request = protos.AnalyzeRequest(registered_catalog_id=known.number, sql_statement=text.sent)
        request.options.CopyFrom(options.analyzer_options(instance))
        request.descriptor_pool_list.CopyFrom(catalog.descriptor_pools())
        _declare(request.options, parameters or {}, positional)
        answer = instance.call("Analyze", request, protos.AnalyzeResponse)
    return _analyzed(sql, tree.node(answer.resolved_statement), known)


@contextmanager
def _asking(text: Text) -> Iterator[Instance]:
    """An instance to ask about a text; its refusals are told as errors of that text."""
    if len(text.sent.encode()) > LONGEST:
        raise AnalyzerUnavailable(f"the text is longer than {LONGEST // 1000} kB, which is left to BigQuery")
    try:
        with service().lend() as instance:
            yield instance
    except Refusal as refusal:
        raise told(refusal, text) from None


def told(refusal: Refusal, text: Text) -> QueryError | AnalyzerUnavailable:
    """The module's refusal as an error of the package, with the place in the user's own text."""
    message, line, column = text.place(refusal.message)
    if refusal.code not in _USER_ERRORS:
        return AnalyzerUnavailable(f"Google's analyzer has no answer: {message}")
    if message.startswith("Statement not supported: "):
        kind = message.removeprefix("Statement not supported: ").removesuffix("Statement")
        return AnalyzerUnavailable(f"a statement of this kind ({kind}) is BigQuery's to run")
    error = TableNotFound if message.startswith("Table not found") else QueryError
    return error(message, sql=text.sql, line=line, column=column)


def _declare(request: Any, parameters: Mapping[str, SqlType], positional: Sequence[SqlType] | None) -> None:
    from zetasql.wasi._pb2.zetasql.public.options_pb2 import PARAMETER_POSITIONAL

    for name, kind in parameters.items():
        parameter = request.query_parameters.add()
        parameter.name = name.lower()
        fill_type(parameter.type, kind)
    if positional is not None:
        request.parameter_mode = PARAMETER_POSITIONAL
        request.allow_undeclared_parameters = not positional  # the analyzer wants all of them told, or none
        for kind in positional:
            fill_type(request.positional_query_parameters.add(), kind)


def _analyzed(sql: str, statement: Any, known: Registered) -> AnalyzedQuery:
    columns: dict[TableId, set[str]] = {}
    parameters: dict[str, SqlType] = {}
    try:
        for found in tree.walk(statement, ("TableScan", "Parameter")):
            if tree.name(found) == "Parameter":
                parameters[found.name.lower() or str(found.position)] = tree.type_of(found)
            else:
                read = columns.setdefault(known.table(found.table.serialization_id), set())
                read.update(column.name.lower() for column in tree.get(found, "column_list"))
        outputs = _outputs(statement)
    except UnknownType as unknown:
        raise AnalyzerUnavailable(f"BigQuery has no type {unknown} for a value") from None
    return AnalyzedQuery(
        sql=sql,
        tree=statement,
        tables={table: TableRead(table, frozenset(read)) for table, read in columns.items()},
        outputs=outputs,
        ordered=bool(tree.get(tree.node(statement.query), "is_ordered")),
        parameters=parameters,
    )


def _outputs(statement: Any) -> tuple[OutputColumn, ...]:
    """Names as BigQuery gives them: a column without a name is `f0_`, the next one `f1_`."""
    if statement.is_value_table:
        raise AnalyzerUnavailable("the columns of a whole result AS STRUCT or AS VALUE are left to BigQuery")
    found, anonymous = [], 0
    for column in statement.output_column_list:
        name = column.name
        if not name or name.startswith("$"):
            name, anonymous = f"f{anonymous}_", anonymous + 1
        found.append(OutputColumn(name, tree.type_of(column.column)))
    _check_names([column.name.lower() for column in found])
    return tuple(found)


def _check_names(names: list[str]) -> None:
    """Leave to BigQuery what it refuses, or renames, as columns of a result.

    https://cloud.google.com/bigquery/docs/schemas#column_names
    """
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise AnalyzerUnavailable(f"two columns of the result are called {min(doubled)}: BigQuery decides on that")
    for name in names:
        if name.startswith(_RESERVED):
            raise AnalyzerUnavailable(f"a column of the result is called {name}, a name that BigQuery keeps to itself")
