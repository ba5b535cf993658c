"""Functions that a cell declares for its own query, and persistent ones that it calls.

`CREATE TEMP FUNCTION f(x INT64) AS (x * 2); SELECT f(a), p.d.g(a) …`. Where their bodies are GoogleSQL, the analyzer puts
them in place of the calls, with arguments evaluated once and coerced as declared: https://cloud.google.com/bigquery/docs/user-defined-functions
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import added, catalog, options
from bigpato_magic.googlesql.added import AGGREGATE, SCALAR, TEMPLATED
from bigpato_magic.googlesql.instance import message
from bigpato_magic.googlesql.lexer import tokens
from bigpato_magic.googlesql.source import prepared
from bigpato_magic.resolved import tree
from bigpato_magic.types import RoutineFacts

if TYPE_CHECKING:
    from bigpato_magic.googlesql.instance import Instance

Routines = Mapping[catalog.Path, RoutineFacts]
"""Persistent functions, by the names that texts have for them."""
PREFIX = re.compile(f"{TEMPLATED}:", re.IGNORECASE)
_DECLARES = "Statement not supported: CreateFunction"
_WORD = re.compile(r"\w+")
MOST_CALLS = 300
"""Calls that a text with functions of its own may come to, those that their bodies make counted each time: the analyzer
takes some 10 ms for each, and twenty functions that call the one before twice would come to a million."""


def begin(sql: str) -> bool:
    """Whether a text, which is known to be a query, begins with functions that it declares."""
    return (_first(sql) or "").upper() == "CREATE"


def are_declared(message: str) -> bool:
    """Whether the analyzer refused a text because its first statement declares a function."""
    return message.startswith(_DECLARES)


def resolved(
    instance: Instance,
    entries: tuple[catalog.CatalogTable, ...],
    sql: str,
    settings: Any,
    routines: Routines = MappingProxyType({}),
) -> Any:
    """The resolved statement of a query that comes after the functions that it declares, if any.

    Args:
        instance: the analyzer's.
        entries: the tables.
        sql: the whole text.
        settings: `AnalyzerOptionsProto` of the query.
        routines: persistent functions, by the names that the text and their bodies have for them.

    Raises:
        AnalyzerError: BigQuery would refuse the text.
        AnalyzerUnavailable: a function is not SQL or makes no values, the text is a script, or it comes to too many calls.
    """
    wide = deepcopy(settings)
    wide.language_options.supported_statement_kinds[:] = options.parsing_options(instance).supported_statement_kinds
    known = catalog.simple_catalog(instance, entries)
    count = _Calls(sql)
    add(known, routines, count)
    request = message("Analyze", options=wide, simple_catalog=known, descriptor_pool_list=catalog.descriptor_pools())
    request.parse_resume_location.input = sql
    while True:
        answer = instance.call("Analyze", request)
        request.parse_resume_location.byte_position = answer.resume_byte_position
        statement = tree.node(answer.resolved_statement)
        if tree.name(statement) == "QueryStmt":
            _check_end(sql, answer.resume_byte_position)
            return statement
        _declare(request.simple_catalog, statement)
        count.add(tree.get(statement, "name_path")[-1], statement.code)


class _Calls:
    """How many calls a text comes to, told by the words in it: never too few."""

    def __init__(self, sql: str) -> None:
        self._words = _words(sql)
        self._of: dict[str, int] = {}
        self._all = 0

    def add(self, name: str, body: str, *, declared: bool = True) -> None:
        """Count one more function's own call and those that it makes, wherever the text mentions it.

        Args:
            name: the function's.
            body: its text.
            declared: the text mentions it once to declare it.

        Raises:
            AnalyzerUnavailable: they are too many.
        """
        words = _words(body)
        name = name.lower()
        calls = 1 + sum(times * self._of.get(word, 0) for word, times in words.items())
        self._of[name] = max(calls, self._of.get(name, 0))
        self._all += max(0, self._words[name] - declared) * self._of[name]
        if self._all > MOST_CALLS:
            raise AnalyzerUnavailable(
                f"functions of this text that call one another come to more than {MOST_CALLS} calls, "
                "which is left to BigQuery"
            )


def add(known: Any, routines: Routines, count: _Calls | None = None) -> None:
    """Put persistent functions into a `SimpleCatalogProto`.

    Args:
        known: the catalogue.
        routines: by the names that texts have for them.
        count: hears of each, those that others call before these.

    Raises:
        AnalyzerUnavailable: a name does not spell its routine letter by letter, its calls cannot be written out, or it calls
            itself.
    """
    for path, routine in _callees_first({catalog.split(path): routine for path, routine in routines.items()}):
        _check(path, routine)
        *folders, name = path
        function = catalog.folder(known, tuple(folders)).custom_function.add()
        body = prepared(routine.body, routines.keys()).sent
        added.fill(function, name, routine.arguments, routine.returns, body=body)
        if count is not None:
            count.add(name, routine.body, declared=False)


def _callees_first(routines: Routines) -> Iterator[tuple[catalog.Path, RoutineFacts]]:
    """Each after all whose names its body has among its words."""
    last = {path: path[-1].lower() for path in routines}
    words = {path: _words(routine.body).keys() for path, routine in routines.items()}
    order = TopologicalSorter({p: {q for q in routines if q != p and last[q] in words[p]} for p in routines})
    try:
        yield from ((path, routines[path]) for path in order.static_order())
    except CycleError:
        raise AnalyzerUnavailable("functions that seem to call one another in a circle are left to BigQuery") from None


def _check(path: catalog.Path, routine: RoutineFacts) -> None:
    if not f".{routine.id}".endswith("." + ".".join(path)):
        raise AnalyzerUnavailable(f"{'.'.join(path)} does not name {routine.id}: BigQuery's names know case")
    if (obstacle := routine.obstacle) is not None:
        raise AnalyzerUnavailable(obstacle)


def _words(sql: str) -> Counter[str]:
    return Counter(word.lower() for word in _WORD.findall(sql))


def _declare(known: Any, statement: Any) -> None:
    if tree.name(statement) != "CreateFunctionStmt" or tree.enum(statement, "create_scope") != "CREATE_TEMP":
        raise AnalyzerUnavailable("a text of several statements is a script, which is BigQuery's to run")
    name = ".".join(tree.get(statement, "name_path"))
    if statement.language != "SQL" or statement.is_remote:
        raise AnalyzerUnavailable(f"the function {name} is not written in SQL: only BigQuery runs it")
    function = known.custom_function.add()
    function.name_path.extend(tree.get(statement, "name_path"))
    function.group = TEMPLATED
    function.mode = AGGREGATE if statement.is_aggregate else SCALAR
    function.signature.add().CopyFrom(statement.signature)
    function.templated_sql_function_argument_name.extend(statement.argument_name_list)
    function.parse_resume_location.input = statement.code


def _check_end(sql: str, position: int) -> None:
    if _first(sql.encode()[position:].decode()) is not None:
        raise AnalyzerUnavailable("a text of several statements is a script, which is BigQuery's to run")


def _first(sql: str) -> str | None:
    """What comes first behind blanks, comments and semicolons."""
    return next((token[0] for token in tokens(sql) if token[0] != ";"), None)
