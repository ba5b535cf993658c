"""Google's own analyzer of BigQuery SQL, behind one clean seam. Nothing heavy is imported until it is used.

`lexer` looks at raw text, `starting` makes the engine ready, `service` lends it, `calls` stops what takes too long,
`analysis` says what a query means, `evaluation` runs small queries, `upper_part` the upper part of large ones. What can be
read off the resolved tree is `resolved`'s.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bigpato_magic.googlesql.calls import stopped_by as stopped_by
from bigpato_magic.googlesql.service import State as State
from bigpato_magic.googlesql.service import failure as failure
from bigpato_magic.googlesql.service import listen as listen
from bigpato_magic.googlesql.service import ready as ready
from bigpato_magic.googlesql.service import state as state
from bigpato_magic.googlesql.service import wait as wait
from bigpato_magic.googlesql.starting import preload as preload
from bigpato_magic.googlesql.starting import warm as warm

if TYPE_CHECKING:
    from bigpato_magic.googlesql.analysis import analyze as analyze
    from bigpato_magic.googlesql.analysis import table_names as table_names
    from bigpato_magic.googlesql.evaluation import can_evaluate as can_evaluate
    from bigpato_magic.googlesql.evaluation import evaluate as evaluate
    from bigpato_magic.googlesql.rebuild import build_sql as build_sql
    from bigpato_magic.googlesql.routines import called as called
    from bigpato_magic.googlesql.routines import named as named
    from bigpato_magic.googlesql.routines import routine_of as routine_of
    from bigpato_magic.googlesql.statements import statement_kind as statement_kind
    from bigpato_magic.googlesql.statements import written_tables as written_tables
    from bigpato_magic.googlesql.text import builtin_functions as builtin_functions
    from bigpato_magic.googlesql.text import format_sql as format_sql
    from bigpato_magic.googlesql.upper_part import TooManyRows as TooManyRows
    from bigpato_magic.googlesql.upper_part import evaluate_upper as evaluate_upper
    from bigpato_magic.googlesql.upper_part import prepare_upper as prepare_upper

_LATE = {
    "TooManyRows": "upper_part",
    "analyze": "analysis",
    "build_sql": "rebuild",
    "called": "routines",
    "builtin_functions": "text",
    "can_evaluate": "evaluation",
    "evaluate": "evaluation",
    "evaluate_upper": "upper_part",
    "format_sql": "text",
    "named": "routines",
    "prepare_upper": "upper_part",
    "routine_of": "routines",
    "statement_kind": "statements",
    "table_names": "analysis",
    "written_tables": "statements",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
