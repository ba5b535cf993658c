"""Google's own analyzer of BigQuery SQL, behind one clean seam. Nothing heavy is imported until it is used.

`service` makes it ready, `analysis` says what a query means, `tree` reads that, `evaluation` runs small queries.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bigpato_magic.googlesql.service import State, failure, ready, state, wait, warm

if TYPE_CHECKING:
    from bigpato_magic.googlesql.analysis import analyze as analyze
    from bigpato_magic.googlesql.analysis import table_names as table_names
    from bigpato_magic.googlesql.evaluation import evaluate as evaluate
    from bigpato_magic.googlesql.rebuild import build_sql as build_sql
    from bigpato_magic.googlesql.statements import statement_kind as statement_kind
    from bigpato_magic.googlesql.statements import written_tables as written_tables
    from bigpato_magic.googlesql.text import builtin_functions as builtin_functions
    from bigpato_magic.googlesql.text import format_sql as format_sql

__all__ = [
    "State",
    "analyze",
    "build_sql",
    "builtin_functions",
    "evaluate",
    "failure",
    "format_sql",
    "ready",
    "state",
    "statement_kind",
    "table_names",
    "wait",
    "warm",
    "written_tables",
]

_LATE = {
    "analyze": "analysis",
    "build_sql": "rebuild",
    "builtin_functions": "text",
    "evaluate": "evaluation",
    "format_sql": "text",
    "statement_kind": "statements",
    "table_names": "analysis",
    "written_tables": "statements",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
