"""Functions that a cell declares for its own query: `CREATE TEMP FUNCTION f(x INT64) AS (x * 2); SELECT f(a) …`.

Where their bodies are GoogleSQL, the analyzer puts them in place of the calls, with arguments evaluated once and
coerced as declared.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import catalog, options, tree

if TYPE_CHECKING:
    from bigpato_magic.googlesql.instance import Instance

# How the analyzer's own catalogue calls functions whose body is text.
# `FunctionEnums.Mode` of zetasql/proto/function.proto.
_SCALAR, _AGGREGATE = 1, 2
_GROUP = "Templated_SQL_Function"
PREFIX = re.compile(f"{_GROUP}:", re.IGNORECASE)
_DECLARES = "Statement not supported: CreateFunction"
_CREATE = re.compile(r"create\b", re.IGNORECASE)
_NOTHING = re.compile(r"(?:\s|;|--[^\n]*|\#[^\n]*|/\*.*?\*/)*", re.DOTALL)


def begin(sql: str) -> bool:
    """Whether a text, which is known to be a query, begins with functions that it declares."""
    return bool(_CREATE.match(sql, _end_of_nothing(sql)))


def are_declared(message: str) -> bool:
    """Whether the analyzer refused a text because its first statement declares a function."""
    return message.startswith(_DECLARES)


def resolved(instance: Instance, entries: tuple[catalog.Entry, ...], sql: str, settings: Any) -> Any:
    """The resolved statement of a query that comes after the functions that it uses.

    Args:
        instance: the analyzer's.
        entries: the tables.
        sql: the whole text.
        settings: `AnalyzerOptionsProto` of the query.

    Raises:
        Refusal: BigQuery would refuse the text.
        AnalyzerUnavailable: a function is not SQL or not temporary, or the text is a script.
    """
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as protos

    wide = type(settings)()
    wide.CopyFrom(settings)
    del wide.language_options.supported_statement_kinds[:]
    wide.language_options.supported_statement_kinds.extend(options.parsing_options(instance).supported_statement_kinds)
    request = protos.AnalyzeRequest(options=wide, simple_catalog=catalog.simple_catalog(instance, entries))
    request.descriptor_pool_list.CopyFrom(catalog.descriptor_pools())
    request.parse_resume_location.input = sql
    while True:
        answer = instance.call("Analyze", request, protos.AnalyzeResponse)
        request.parse_resume_location.byte_position = answer.resume_byte_position
        statement = tree.node(answer.resolved_statement)
        if tree.name(statement) == "QueryStmt":
            _check_end(sql, answer.resume_byte_position)
            return statement
        _declare(request.simple_catalog, statement)


def _declare(known: Any, statement: Any) -> None:
    if tree.name(statement) != "CreateFunctionStmt" or tree.enum(statement, "create_scope") != "CREATE_TEMP":
        raise AnalyzerUnavailable("a text of several statements is a script, which is BigQuery's to run")
    name = ".".join(tree.get(statement, "name_path"))
    if statement.language != "SQL" or statement.is_remote:
        raise AnalyzerUnavailable(f"the function {name} is not written in SQL: only BigQuery runs it")
    function = known.custom_function.add()
    function.name_path.extend(tree.get(statement, "name_path"))
    function.group = _GROUP
    function.mode = _AGGREGATE if statement.is_aggregate else _SCALAR
    function.signature.add().CopyFrom(statement.signature)
    function.templated_sql_function_argument_name.extend(statement.argument_name_list)
    function.parse_resume_location.input = statement.code


def _check_end(sql: str, position: int) -> None:
    rest = sql.encode()[position:].decode()
    if _end_of_nothing(rest) < len(rest):
        raise AnalyzerUnavailable("a text of several statements is a script, which is BigQuery's to run")


def _end_of_nothing(sql: str) -> int:
    """Where blanks, comments and semicolons at the beginning end."""
    match = _NOTHING.match(sql)
    return match.end() if match else 0
