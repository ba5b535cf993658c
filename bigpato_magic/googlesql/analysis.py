"""What a query means: names resolved, types known, or BigQuery's own complaint with its line and column."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import AnalyzerUnavailable, QueryError, TableNotFound
from bigpato_magic.googlesql import catalog, functions, options
from bigpato_magic.googlesql.calls import TooLong
from bigpato_magic.googlesql.catalog import CatalogTable, Described, Path
from bigpato_magic.googlesql.functions import Routines
from bigpato_magic.googlesql.instance import AnalyzerError, message
from bigpato_magic.googlesql.service import Role, lend
from bigpato_magic.googlesql.source import SourceText, prepared
from bigpato_magic.lru import LruCache
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.column_pruning import prune
from bigpato_magic.resolved.values import UnknownType, fill_type
from bigpato_magic.types import SUFFIX, AnalyzedQuery, OutputColumn, Parameter, SqlType, TableId, TableRead

if TYPE_CHECKING:
    from bigpato_magic.googlesql.instance import Instance

UTC = "UTC"
# An IN list of 1 MB takes 13 s.
LONGEST = 100_000
# Texts that took too long, which the next time are not begun: a person would wait again.
_too_long: LruCache[TooLong] = LruCache(100)
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
    with asking(SourceText(sql, sql)) as instance:
        language = options.parsing_options(instance)
        answer = instance.call("ExtractTableNamesFromStatement", sql_statement=sql, allow_script=True, options=language)
    return tuple(tuple(table.table_name_segment) for table in answer.table_name)


def analyze(
    sql: str,
    tables: Mapping[Path, Described] | None = None,
    parameters: Iterable[Parameter] | Mapping[str, SqlType] = (),
    routines: Routines = MappingProxyType({}),
    *,
    zone: str = UTC,
) -> AnalyzedQuery:
    """What one query means.

    Args:
        sql: the query.
        tables: the table that each path of `table_names(sql)` means.
        parameters: the query's parameters, or the types of its named ones. Types of those not told are inferred, if
            they are named or none is told.
        routines: the persistent functions that it calls, and those that their bodies call: `routines.named`.
        zone: that times written without one are of.

    Raises:
        QueryError: BigQuery would refuse the query; with line and column where known.
        AnalyzerUnavailable: the analyzer is not ready, gave up, or BigQuery may know what it does not.
    """
    entries = catalog.entries(tables or {})
    source = prepared(sql, (*(tables or {}), *routines))
    with asking(source) as instance:
        return meaning(instance, source, entries, replace(Declared.of(parameters), zone=zone), routines)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the caller told beside the text.

    Args:
        named: types of named parameters.
        positional: those of the `?`, in order.
        zone: that times written without one are of.
    """

    named: Mapping[str, SqlType] = field(default_factory=dict)
    positional: tuple[SqlType, ...] = ()
    zone: str = UTC

    @classmethod
    def of(cls, parameters: Iterable[Parameter] | Mapping[str, SqlType]) -> Declared:
        """From parameters, or from a mapping of names to types."""
        if isinstance(parameters, Mapping):
            return cls({name.lower(): kind for name, kind in parameters.items()})
        told = tuple(parameters)
        named = {p.name.lower(): p.type for p in told if p.name is not None}
        return cls(named, tuple(p.type for p in told if p.name is None))

    def write(self, request: Any, *, positional: bool) -> None:
        """Write them into a request's `AnalyzerOptionsProto`."""
        from zetasql.wasi._pb2.zetasql.public.options_pb2 import PARAMETER_POSITIONAL

        request.default_timezone = self.zone
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


def meaning(
    instance: Instance,
    source: SourceText,
    entries: tuple[CatalogTable, ...],
    declared: Declared,
    routines: Routines = MappingProxyType({}),
) -> AnalyzedQuery:
    """`analyze`, by an instance that is already lent.

    Args:
        instance: the analyzer's, for this caller alone.
        source: the text.
        entries: the tables that it may name.
        declared: types of its parameters.
        routines: that it calls.
    """
    statement, known = _resolved(instance, entries, source.sent, declared, routines)
    return replace(_analyzed(source.sql, statement, entries, known), routines=routines)


def first_question(instance: Instance) -> None:
    """Ask for the meaning of `SELECT 1`: options, functions and the module's own start are set up by it."""
    _resolved(instance, (), "SELECT 1", Declared())


# A resolved statement, and the tables that it has the numbers of.
Resolved = tuple[Any, tuple[CatalogTable, ...]]


def _resolved(
    instance: Instance,
    entries: tuple[CatalogTable, ...],
    sql: str,
    declared: Declared,
    routines: Routines = MappingProxyType({}),
) -> Resolved:
    def ask(wanted: Any) -> Resolved:
        if routines:
            return options.lazily(lambda w: (functions.resolved(instance, entries, sql, w, routines), entries), wanted)
        return options.lazily(partial(_asked, instance, entries, sql), wanted)

    try:
        return ask(settings(instance, declared, positional=bool(declared.positional)))
    except AnalyzerError as refusal:
        if not refusal.message.startswith("Positional parameters are not supported"):
            raise
        return ask(settings(instance, declared, positional=True))


def _asked(instance: Instance, entries: tuple[CatalogTable, ...], sql: str, wanted: Any) -> Resolved:
    number, known = catalog.registered(instance, entries)
    pools = catalog.descriptor_pools()
    request = message(
        "Analyze", options=wanted, registered_catalog_id=number, sql_statement=sql, descriptor_pool_list=pools
    )
    try:
        answer = instance.call("Analyze", request)
    except AnalyzerError as refusal:
        if functions.are_declared(refusal.message):
            return functions.resolved(instance, entries, sql, wanted), entries
        raise
    return tree.node(answer.resolved_statement), known


def settings(instance: Instance, declared: Declared, *, positional: bool) -> Any:
    """The analyzer's options (`AnalyzerOptionsProto`) with these parameters.

    Args:
        instance: whose options they are.
        declared: types of the parameters.
        positional: parameters are `?`, not names.
    """
    wanted = deepcopy(options.analyzer_options(instance))
    declared.write(wanted, positional=positional)
    return wanted


@contextmanager
def asking(source: SourceText, role: Role = Role.ANALYZE) -> Iterator[Instance]:
    """An instance to ask about a text; its refusals are told as errors of that text."""
    if len(source.sent.encode()) > LONGEST:
        raise AnalyzerUnavailable(f"the text is longer than {LONGEST // 1000} kB, which is left to BigQuery")
    if known := _too_long.get((role, source.sent)):
        raise TooLong(known.message)
    try:
        with lend(role) as instance:
            yield instance
    except AnalyzerError as refusal:
        raise told(refusal, source) from None
    except TooLong as error:
        _too_long.put((role, source.sent), error)
        raise


def told(refusal: AnalyzerError, source: SourceText) -> QueryError | AnalyzerUnavailable:
    """The module's refusal as an error of the package, with the place in the user's own text."""
    message, line, column = source.place(refusal.message)
    if refusal.code not in _USER_ERRORS:
        return AnalyzerUnavailable(f"Google's analyzer has no answer: {message}")
    if statement := _NOT_A_QUERY.match(message):
        return AnalyzerUnavailable(f"a statement of this kind ({statement[1]}) is BigQuery's to run")
    error = TableNotFound if message.startswith("Table not found") else QueryError
    return error(functions.PREFIX.sub("", message), sql=source.sql, line=line, column=column)


def _analyzed(
    sql: str, statement: Any, entries: tuple[CatalogTable, ...], known: tuple[CatalogTable, ...]
) -> AnalyzedQuery:
    columns: dict[TableId, set[str]] = {}
    parameters: dict[str, SqlType] = {}
    numbers = {entry: number for number, entry in enumerate(entries, 1)}
    if tree.name(statement) == "QueryStmt":
        prune(statement)
    try:
        for node in tree.walk(statement, ("TableScan", "Parameter")):
            if tree.name(node) == "Parameter":
                parameters[node.name.lower() or str(node.position)] = tree.type_of(node)
            else:
                entry = known[node.table.serialization_id - 1]
                if entry not in numbers:
                    raise TableNotFound(f"Table not found: {'.'.join(entry.path)}", sql=sql)
                # The tree says how the text wrote the name; who reads the tree wants the table, and its number there.
                node.table.serialization_id = numbers[entry]
                node.table.full_name = str(entry.id)
                read = columns.setdefault(entry.id, set())
                read.update(column.name.lower() for column in tree.get(node, "column_list"))
        outputs = _outputs(statement, of_wildcard=any(table.is_wildcard for table in columns))
    except UnknownType as unknown:
        raise AnalyzerUnavailable(f"BigQuery has no type {unknown} for a value") from None
    return AnalyzedQuery(
        sql=sql,
        tree=statement,
        tables={table: TableRead(table, frozenset(read)) for table, read in columns.items()},
        outputs=outputs,
        parameters=parameters,
    )


def _outputs(statement: Any, *, of_wildcard: bool) -> tuple[OutputColumn, ...]:
    """Names as BigQuery gives them: a column without a name is `f0_`, the next one `f1_`."""
    if statement.is_value_table:
        raise AnalyzerUnavailable("the columns of a whole result AS STRUCT or AS VALUE are left to BigQuery")
    outputs, anonymous = [], 0
    for column in statement.output_column_list:
        name = column.name
        if not name or name.startswith("$"):
            name, anonymous = f"f{anonymous}_", anonymous + 1
        outputs.append(OutputColumn(name, tree.type_of(column.column)))
    names = [column.name.lower() for column in outputs]
    # BigQuery gives the suffix by its own name: https://cloud.google.com/bigquery/docs/querying-wildcard-tables
    _check_names(names, {SUFFIX.lower()} if of_wildcard else set())
    return tuple(outputs)


def _check_names(names: list[str], given: Collection[str]) -> None:
    """Leave to BigQuery what it refuses, or renames, as columns of a result.

    https://cloud.google.com/bigquery/docs/schemas#column_names
    """
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise AnalyzerUnavailable(f"two columns of the result are called {min(doubled)}: BigQuery decides on that")
    for name in names:
        if name.startswith(_RESERVED) and name not in given:
            raise AnalyzerUnavailable(f"a column of the result is called {name}, a name that BigQuery keeps to itself")
