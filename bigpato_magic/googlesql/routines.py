"""Persistent functions that a text calls, `SELECT p.d.f(x)`: which they are, and how the analyzer writes them out.

It puts their bodies in place of the calls, as it does with a cell's own functions; their arguments are evaluated once and
coerced as declared: https://cloud.google.com/bigquery/docs/user-defined-functions
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import catalog, functions, lexer, options
from bigpato_magic.googlesql.analysis import Declared, asking, settings, table_names
from bigpato_magic.googlesql.catalog import Path
from bigpato_magic.googlesql.functions import Routines
from bigpato_magic.googlesql.instance import message
from bigpato_magic.googlesql.source import prepared
from bigpato_magic.googlesql.statements import parsed
from bigpato_magic.resolved import tree
from bigpato_magic.types import RoutineFacts, RoutineId, SqlType

Ask = Callable[[tuple[RoutineId, ...]], Mapping[RoutineId, RoutineFacts]]
"""Tells what is known of routines; leaves out those that are not there."""
_DEEPEST = 16
_CALLS = ("FunctionCall", "TVF")
# Names before a dot that are BigQuery's own.
_BUILT_IN = frozenset({"aead", "ai", "hll_count", "keys", "kll_quantiles", "ml", "net", "obj", "safe"})


def called(sql: str) -> tuple[Path, ...]:
    """The routines that a text calls, each as its parts are written.

    Raises:
        QueryError: a syntax error, with its place.
        AnalyzerUnavailable: the analyzer is not ready, or the text is too long for it.
    """
    if not _may_call(sql):
        return ()
    names = (name for statement in parsed(sql) for name in _called(statement))
    return tuple(dict.fromkeys(name for name in names if _is_a_routines(name)))


def called_by(body: str) -> tuple[Path, ...]:
    """The routines that a function's body calls; errors as of `called`."""
    return called(_query(body)) if _may_call(body) else ()


def _query(body: str) -> str:
    return f"SELECT (\n{body}\n)"


def _may_call(sql: str) -> bool:
    """Whether a name with dots stands before a parenthesis somewhere: most texts have none, and are not parsed for it."""
    before: list[str] = []
    for match in lexer.tokens(sql):
        if match[0] == "(" and before and _dotted(before):
            return True
        before = [*before[-1:], match[0]]
    return False


def _dotted(before: list[str]) -> bool:
    last = before[-1]
    return (last[:1] == "`" and "." in last) or (before[0] == "." and last != ".")


def _called(node: Any) -> Iterator[Path]:
    if tree.name(node) in _CALLS:
        path = next(tree.node(child) for child in tree.children(node) if tree.name(child) == "PathExpression")
        yield tuple(part.id_string for part in path.names)
    for child in tree.children(node):
        yield from _called(child)


def _is_a_routines(name: Path) -> bool:
    parts = catalog.split(name)
    return len(parts) > 1 and parts[0].lower() not in _BUILT_IN


def named(sql: str, project: str | None, ask: Ask) -> Routines:
    """The routines that a text calls and those that their bodies call, by the names that are written for them.

    A name in a body that has no project is in the routine's own. One that is not there is left out: the analyzer will say so.

    Args:
        sql: the text.
        project: of names without one.
        ask: tells what is known of routines; leaves out those that are not there.

    Raises:
        QueryError: a syntax error.
        AnalyzerUnavailable: the analyzer is not ready, one name stands for two routines, one of them reads a table, or they
            call others too deeply.
    """
    known: dict[Path, RoutineFacts] = {}
    meant: dict[Path, RoutineId | None] = {}
    wanted = {path: RoutineId.of(catalog.split(path), project) for path in called(sql)}
    for _ in range(_DEEPEST):
        _see_that_each_means_one(meant, wanted)
        ids = {path: id_ for path, id_ in wanted.items() if id_ is not None and path not in known}
        if not ids:
            return known
        answers = ask(tuple(dict.fromkeys(ids.values())))
        new = {path: answers[id_] for path, id_ in ids.items() if id_ in answers}
        known |= new
        _see_that_they_read_nothing(new.values())
        wanted = _called_by(new.values())
    raise AnalyzerUnavailable("functions that call others that deeply are left to BigQuery")


def _called_by(routines: Iterable[RoutineFacts]) -> dict[Path, RoutineId | None]:
    names: dict[Path, RoutineId | None] = {}
    for routine in routines:
        for path in called_by(routine.body) if routine.obstacle is None else ():
            _see_that_each_means_one(names, {path: RoutineId.of(catalog.split(path), routine.id.project)})
    return names


def _see_that_they_read_nothing(routines: Iterable[RoutineFacts]) -> None:
    """A table's name in a body may stand for another table than in the text, and the analyzer knows but one of a name."""
    for routine in routines:
        if routine.obstacle is None and "from" in routine.body.lower():
            for path in table_names(_query(routine.body)):
                raise AnalyzerUnavailable(f"the function {routine.id} reads {'.'.join(path)}: only BigQuery runs it")


def _see_that_each_means_one(meant: dict[Path, RoutineId | None], more: Mapping[Path, RoutineId | None]) -> None:
    """A name in a body has another project than one in the text; the analyzer knows but one function of a name.

    To it `d.F` and `d.f` are one name, to BigQuery two.
    """
    for path, id_ in more.items():
        if meant.setdefault(_folded(path), id_) != id_:
            raise AnalyzerUnavailable(f"{'.'.join(path)} stands for two functions in this query")


def _folded(path: Path) -> Path:
    return tuple(part.lower() for part in catalog.split(path))


def routine_of(sql: str, project: str, nested: Routines = MappingProxyType({})) -> RoutineFacts:
    """The routine that a `CREATE FUNCTION` makes.

    Args:
        sql: the statement.
        project: where its name has none.
        nested: the routines that its body calls, see `named`.

    Raises:
        QueryError: BigQuery would refuse it.
        AnalyzerUnavailable: it is none that lasts, or nobody can say.
    """
    source = prepared(sql, nested.keys())
    with asking(source) as instance:
        wide = deepcopy(settings(instance, Declared(), positional=False))
        wide.language_options.supported_statement_kinds[:] = options.parsing_options(instance).supported_statement_kinds
        known = catalog.simple_catalog(instance, ())
        functions.add(known, nested)
        request = message(
            "Analyze", options=wide, simple_catalog=known, descriptor_pool_list=catalog.descriptor_pools()
        )
        request.sql_statement = source.sent
        statement = tree.node(instance.call("Analyze", request).resolved_statement)
    if tree.name(statement) != "CreateFunctionStmt" or tree.enum(statement, "create_scope") == "CREATE_TEMP":
        raise AnalyzerUnavailable("only a function that lasts is a routine")
    id_ = RoutineId.of(catalog.split(tuple(tree.get(statement, "name_path"))), project)
    if id_ is None or not id_.dataset:
        raise AnalyzerUnavailable("a routine needs a dataset")
    types = [_type(argument) for argument in statement.signature.argument]
    return RoutineFacts(
        id_,
        tuple(zip(statement.argument_name_list, types, strict=True)),
        _type(statement.signature.return_type) if statement.has_explicit_return_type else None,
        statement.code,
        "AGGREGATE_FUNCTION" if statement.is_aggregate else "SCALAR_FUNCTION",
        "JAVASCRIPT" if statement.language.upper() == "JS" else statement.language.upper(),
        statement.is_remote,
    )


def _type(argument: Any) -> SqlType | None:
    return tree.sql_type(argument.type) if argument.HasField("type") else None
