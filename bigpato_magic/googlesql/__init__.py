"""Google's own analyzer of BigQuery SQL, behind one clean seam. Nothing heavy is imported until it is used.

`service` makes it ready, `analysis` says what a query means, `tree` reads that, `evaluation` runs small queries,
`cutting` and `finishing` the upper part of large ones.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bigpato_magic.googlesql.service import State, failure, listen, preload, ready, state, wait, warm

if TYPE_CHECKING:
    from bigpato_magic.googlesql.analysis import analyze as analyze
    from bigpato_magic.googlesql.analysis import table_names as table_names
    from bigpato_magic.googlesql.evaluation import can_evaluate as can_evaluate
    from bigpato_magic.googlesql.evaluation import evaluate as evaluate
    from bigpato_magic.googlesql.finishing import TooMany as TooMany
    from bigpato_magic.googlesql.finishing import finish as finish
    from bigpato_magic.googlesql.finishing import prepare_finish as prepare_finish
    from bigpato_magic.googlesql.rebuild import build_sql as build_sql
    from bigpato_magic.googlesql.statements import statement_kind as statement_kind
    from bigpato_magic.googlesql.statements import written_tables as written_tables
    from bigpato_magic.googlesql.text import builtin_functions as builtin_functions
    from bigpato_magic.googlesql.text import format_sql as format_sql

__all__ = [
    "State",
    "TooMany",
    "analyze",
    "build_sql",
    "builtin_functions",
    "can_evaluate",
    "evaluate",
    "failure",
    "finish",
    "format_sql",
    "listen",
    "preload",
    "prepare_finish",
    "ready",
    "state",
    "statement_kind",
    "table_names",
    "wait",
    "warm",
    "written_tables",
]

_LATE = {
    "TooMany": "finishing",
    "analyze": "analysis",
    "build_sql": "rebuild",
    "builtin_functions": "text",
    "can_evaluate": "evaluation",
    "evaluate": "evaluation",
    "finish": "finishing",
    "format_sql": "text",
    "prepare_finish": "finishing",
    "statement_kind": "statements",
    "table_names": "analysis",
    "written_tables": "statements",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
