"""What kind of statement a text is, and which tables it may change: from its syntax alone, no table known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bigpato_magic.errors import AnalyzerUnavailable, QueryError
from bigpato_magic.googlesql import options
from bigpato_magic.googlesql.analysis import asking
from bigpato_magic.googlesql.catalog import Path
from bigpato_magic.googlesql.source import SourceText
from bigpato_magic.resolved import tree

# Where a statement names the table (or view) whose rows it changes.
_WRITES: dict[str, tuple[str, ...]] = {
    "AlterApproxViewStatement": ("path",),
    "AlterMaterializedViewStatement": ("path",),
    "AlterTableStatement": ("path",),
    "AlterViewStatement": ("path",),
    "AuxLoadDataStatement": ("name",),
    "CloneDataStatement": ("target_path",),
    "CreateApproxViewStatement": ("name",),
    "CreateExternalTableStatement": ("name",),
    "CreateMaterializedViewStatement": ("name",),
    "CreateRowAccessPolicyStatement": ("target_path",),
    "CreateSnapshotTableStatement": ("name",),
    "CreateTableStatement": ("name",),
    "CreateViewStatement": ("name",),
    "DeleteStatement": ("target_path",),
    "DropAllRowAccessPoliciesStatement": ("table_name",),
    "DropMaterializedViewStatement": ("name",),
    "DropRowAccessPolicyStatement": ("table_name",),
    "DropSnapshotTableStatement": ("name",),
    "DropStatement": ("name",),
    "InsertStatement": ("target_path",),
    "MergeStatement": ("target_path",),
    "RenameStatement": ("old_name", "new_name"),
    "TruncateStatement": ("target_path",),
    "UndropStatement": ("name",),
    "UpdateStatement": ("target_path",),
}
# These change no table. What is in neither list may change any: CALL, EXECUTE IMMEDIATE, DROP SCHEMA …
_HARMLESS = frozenset(
    {
        "AssertStatement",
        "BeginStatement",
        "BreakStatement",
        "CaseStatement",
        "CommitStatement",
        "ContinueStatement",
        "CreateFunctionStatement",
        "CreateModelStatement",
        "CreateProcedureStatement",
        "CreateSchemaStatement",
        "CreateTableFunctionStatement",
        "DropFunctionStatement",
        "DropTableFunctionStatement",
        "ExplainStatement",
        "ExportDataStatement",
        "ForInStatement",
        "IfStatement",
        "LoopStatement",
        "QueryStatement",
        "RaiseStatement",
        "RepeatStatement",
        "ReturnStatement",
        "RollbackStatement",
        "WhileStatement",
    }
)
# Where they differ from `CREATE_TABLE` of `CreateTableStatement`.
# https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobStatistics2.FIELDS.statement_type
_KINDS = {
    "AssignmentFromStruct": "SCRIPT",
    "AuxLoadDataStatement": "LOAD_DATA",
    "BeginEndBlock": "SCRIPT",
    "CaseStatement": "SCRIPT",
    "ForInStatement": "SCRIPT",
    "IfStatement": "SCRIPT",
    "LoopStatement": "SCRIPT",
    "QueryStatement": "SELECT",
    "RepeatStatement": "SCRIPT",
    "SingleAssignment": "SCRIPT",
    "SystemVariableAssignment": "SCRIPT",
    "TruncateStatement": "TRUNCATE_TABLE",
    "VariableDeclaration": "SCRIPT",
    "WhileStatement": "SCRIPT",
}
_SCOPE_TEMP = "TEMPORARY"


def statement_kind(sql: str) -> str:
    """The statement's kind as BigQuery names it: `SELECT`, `INSERT`, `CREATE_TABLE`, …; `SCRIPT` for more than one.

    Functions that are declared for one query (`CREATE TEMP FUNCTION …; SELECT …`) do not make it a script.

    Raises:
        QueryError: a syntax error, with its place.
        AnalyzerUnavailable: the analyzer is not ready, or gave up.
    """
    statements = [statement for statement in parsed(sql) if not _declares_function(statement)] or parsed(sql)
    if len(statements) > 1:
        return "SCRIPT"
    return _kind(statements[0])


def written_tables(sql: str) -> tuple[Path, ...] | None:
    """The tables that a text may change, each as its parts are written; None where it may change any.

    Temporary tables are not among them. It never raises: what cannot be read may change any table.
    """
    try:
        statements = [statement for top in parsed(sql) for statement in _inner(top)]
    except (QueryError, AnalyzerUnavailable):
        return None
    if any(tree.name(statement) not in _WRITES and tree.name(statement) not in _HARMLESS for statement in statements):
        return None
    if any(_names_a_schema(statement) for statement in statements):
        return None
    temporary = {path for statement in statements if _is_temporary(statement) for path in _targets(statement)}
    written = (path for statement in statements for path in _targets(statement))
    return tuple(dict.fromkeys(path for path in written if path not in temporary))


def parsed(sql: str) -> list[Any]:
    """The statements at the top of a text."""
    with asking(SourceText(sql, sql)) as instance:
        answer = instance.call("Parse", sql_statement=sql, allow_script=True, options=options.parsing_options(instance))
    if answer.HasField("parsed_statement"):
        return [tree.node(answer.parsed_statement)]
    return [tree.node(statement) for statement in answer.parsed_script.statement_list_node.statement_list]


def _inner(statement: Any) -> Iterator[Any]:
    """A statement and those in it: of a block, a loop, a branch."""
    if tree.name(statement).endswith("Statement"):
        yield statement
    yield from _within(statement)


def _within(node: Any) -> Iterator[Any]:
    """Statements in a node: a pipe may end in one, `FROM t |> INSERT INTO u`."""
    for child in tree.children(node):
        yield from _inner(child)


def _kind(statement: Any) -> str:
    name = tree.name(statement)
    if name in ("DropStatement", "DropEntityStatement", "UndropStatement"):
        return f"{name.removesuffix('Statement').upper()}_{_object_kind(statement)}"
    if name == "CreateTableStatement" and statement.HasField("query"):
        return "CREATE_TABLE_AS_SELECT"
    if name in ("QueryStatement", "HintedStatement") and (inside := next(_within(statement), None)) is not None:
        return _kind(inside)
    plain = name.removesuffix("Statement")
    return _KINDS.get(name) or _words(plain)


def _words(name: str) -> str:
    """`CREATE_TABLE` of `CreateTable`."""
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in name).lstrip("_").upper()


def _object_kind(statement: Any) -> str:
    return _words(tree.enum(statement, "schema_object_kind").removeprefix("k"))


def _names_a_schema(statement: Any) -> bool:
    return tree.name(statement) in ("DropStatement", "UndropStatement") and "SCHEMA" in _object_kind(statement)


def _declares_function(statement: Any) -> bool:
    return tree.name(statement) == "CreateFunctionStatement" and _is_temporary(statement)


def _is_temporary(statement: Any) -> bool:
    return tree.name(statement).startswith("Create") and tree.enum(statement, "scope") == _SCOPE_TEMP


def _targets(statement: Any) -> Iterator[Path]:
    for field in _WRITES.get(tree.name(statement), ()):
        path = tree.node(tree.get(statement, field))
        if tree.name(path) == "PathExpression":
            yield tuple(part.id_string for part in path.names)
