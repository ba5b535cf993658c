"""What a query means: names resolved, types known, or BigQuery's own complaint with its line and column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import AnalyzerUnavailable, QueryError, TableNotFound
from bigpato_magic.googlesql import catalog, functions, options, tree
from bigpato_magic.googlesql.catalog import Described, Entry, Path
from bigpato_magic.googlesql.instance import Refusal
from bigpato_magic.googlesql.pruning import prune
from bigpato_magic.googlesql.service import Role, lend
from bigpato_magic.googlesql.source import Source, prepared
from bigpato_magic.googlesql.values import UnknownType, fill_type
from bigpato_magic.types import AnalyzedQuery, OutputColumn, Parameter, SqlType, TableId, TableRead

if TYPE_CHECKING:
    from bigpato_magic.googlesql.instance import Instance

# An IN list of 1 MB takes 13 s, and a call cannot be stopped.
LONGEST = 100_000
# absl::StatusCode: what the person's SQL causes; all others are the analyzer's own.
_USER_ERRORS = frozenset({3, 5, 9, 11})
_NOT_A_QUERY = re.compile(r"Statement not supported: (\w+?)(?:Statement|Stmt)?$")
_RESERVED = ("_partition", "_table_", "_file_", "_row_timestamp", "__root__", "_colidentifier")


def table_names(sql: str) -> tuple[Path, ...]:
    """The tables that a text names, each as its parts are written; those of scripts and DML too.

    CTEs, arrays of a row and table functions are not among them.

    Raises:
        QueryError: a syntax error, with its place.
        AnalyzerUnavailable: the analyzer is not ready, or the text is too long for it.
    """
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as protos

    with asking(Source(sql, sql)) as instance:
        request = protos.ExtractTableNamesFromStatementRequest(sql_statement=sql, allow_script=True)
        request.options.CopyFrom(options.parsing_options(instance))
        answer = instance.call("ExtractTableNamesFromStatement", request, protos.ExtractTableNamesFromStatementResponse)
    return tuple(tuple(found.table_name_segment) for found in answer.table_name)


def analyze(
    sql: str,
    tables: Mapping[Path, Described] | None = None,
    parameters: Iterable[Parameter] | Mapping[str, SqlType] = (),
) -> AnalyzedQuery:
    """What one query means.

    Args:
        sql: the query.
        tables: the table that each path of `table_names(sql)` means.
        parameters: the query's parameters, or the types of its named ones. Types of those not told are inferred, if
            they are named or none is told.

    Raises:
        QueryError: BigQuery would refuse the query; with line and column where known.
        AnalyzerUnavailable: the analyzer is not ready, gave up, or BigQuery may know what it does not.
    """
    entries = catalog.entries(tables or {})
    source = prepared(sql, (tables or {}).keys())
    with asking(source) as instance:
        return meaning(instance, source, entries, Declared.of(parameters))


@dataclass(frozen=True, slots=True)
class Declared:
    """The types of parameters that the caller told: of named ones, or of the `?` in order."""

    named: Mapping[str, SqlType] = field(default_factory=dict)
    positional: tuple[SqlType, ...] = ()

    @classmethod
    def of(cls, parameters: Iterable[Parameter] | Mapping[str, SqlType]) -> Declared:
        """From parameters, or from a mapping of names to types."""
        if isinstance(parameters, Mapping):
            return cls({name.lower(): kind for name, kind in parameters.items()})
        told = tuple(parameters)
        named = {p.name.lower(): p.type for p in told if p.name is not None}
        return cls(named, tuple(p.type for p in told if p.name is None))

    def write(self, request: Any, *, positional: bool) -> None:
        """Tell them to the analyzer."""
        from zetasql.wasi._pb2.zetasql.public.options_pb2 import PARAMETER_POSITIONAL

        if positional:
            request.parameter_mode = PARAMETER_POSITIONAL
            # The analyzer wants all of them told, or none.
            request.allow_undeclared_parameters = not self.positional
            for kind in self.positional:
                fill_type(request.positional_query_parameters.add(), kind)
        for name, kind in self.named.items():
            parameter = request.query_parameters.add()
            parameter.name = name
            fill_type(parameter.type, kind)


def meaning(instance: Instance, source: Source, entries: tuple[Entry, ...], declared: Declared) -> AnalyzedQuery:
    """`analyze`, by an instance that is already lent."""
    statement, known = _resolved(instance, entries, source.sent, declared)
    return _analyzed(source.sql, statement, entries, known)


def greet(instance: Instance) -> None:
    """Ask a first question: options, functions and the module's own start are set up by it."""
    _resolved(instance, (), "SELECT 1", Declared())


# A resolved statement, and the tables that it has the numbers of.
Resolved = tuple[Any, tuple[Entry, ...]]


def _resolved(instance: Instance, entries: tuple[Entry, ...], sql: str, declared: Declared) -> Resolved:
    try:
        return _ask(instance, entries, sql, settings(instance, declared, positional=bool(declared.positional)))
    except Refusal as refusal:
        if not refusal.message.startswith("Positional parameters are not supported"):
            raise
        return _ask(instance, entries, sql, settings(instance, declared, positional=True))


def _ask(instance: Instance, entries: tuple[Entry, ...], sql: str, wanted: Any) -> Resolved:
    try:
        return _asked(instance, entries, sql, wanted)
    except Refusal as refusal:
        if not options.must_be_eager(refusal.message):
            raise
        return _asked(instance, entries, sql, options.eager(wanted))


def _asked(instance: Instance, entries: tuple[Entry, ...], sql: str, wanted: Any) -> Resolved:
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as protos

    number, known = catalog.registered(instance, entries)
    request = protos.AnalyzeRequest(options=wanted, registered_catalog_id=number, sql_statement=sql)
    request.descriptor_pool_list.CopyFrom(catalog.descriptor_pools())
    try:
        answer = instance.call("Analyze", request, protos.AnalyzeResponse)
    except Refusal as refusal:
        if functions.are_declared(refusal.message):
            return functions.resolved(instance, entries, sql, wanted), entries
        raise
    return tree.node(answer.resolved_statement), known


def settings(instance: Instance, declared: Declared, *, positional: bool) -> Any:
    """The analyzer's options (`AnalyzerOptionsProto`) with these parameters."""
    wanted = type(options.analyzer_options(instance))()
    wanted.CopyFrom(options.analyzer_options(instance))
    declared.write(wanted, positional=positional)
    return wanted


@contextmanager
def asking(source: Source, role: Role = Role.ANALYZE) -> Iterator[Instance]:
    """An instance to ask about a text; its refusals are told as errors of that text."""
    if len(source.sent.encode()) > LONGEST:
        raise AnalyzerUnavailable(f"the text is longer than {LONGEST // 1000} kB, which is left to BigQuery")
    try:
        with lend(role) as instance:
            yield instance
    except Refusal as refusal:
        raise told(refusal, source) from None


def told(refusal: Refusal, source: Source) -> QueryError | AnalyzerUnavailable:
    """The module's refusal as an error of the package, with the place in the user's own text."""
    message, line, column = source.place(refusal.message)
    if refusal.code not in _USER_ERRORS:
        return AnalyzerUnavailable(f"Google's analyzer has no answer: {message}")
    if statement := _NOT_A_QUERY.match(message):
        return AnalyzerUnavailable(f"a statement of this kind ({statement[1]}) is BigQuery's to run")
    error = TableNotFound if message.startswith("Table not found") else QueryError
    return error(functions.PREFIX.sub("", message), sql=source.sql, line=line, column=column)


def _analyzed(sql: str, statement: Any, entries: tuple[Entry, ...], known: tuple[Entry, ...]) -> AnalyzedQuery:
    columns: dict[TableId, set[str]] = {}
    parameters: dict[str, SqlType] = {}
    numbers = {entry: number for number, entry in enumerate(entries, 1)}
    if tree.name(statement) == "QueryStmt":
        prune(statement)
    try:
        for found in tree.walk(statement, ("TableScan", "Parameter")):
            if tree.name(found) == "Parameter":
                parameters[found.name.lower() or str(found.position)] = tree.type_of(found)
            else:
                entry = known[found.table.serialization_id - 1]
                if entry not in numbers:
                    raise TableNotFound(f"Table not found: {'.'.join(entry.path)}", sql=sql)
                # The tree says how the text wrote the name; who reads the tree wants the table, and its number there.
                found.table.serialization_id = numbers[entry]
                found.table.full_name = str(entry.id)
                read = columns.setdefault(entry.id, set())
                read.update(column.name.lower() for column in tree.get(found, "column_list"))
        outputs = _outputs(statement)
    except UnknownType as unknown:
        raise AnalyzerUnavailable(f"BigQuery has no type {unknown} for a value") from None
    return AnalyzedQuery(
        sql=sql,
        tree=statement,
        tables={table: TableRead(table, frozenset(read)) for table, read in columns.items()},
        outputs=outputs,
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
