"""Vectorised functions that DuckDB calls, where only code can be faithful: Arrow arrays in, one Arrow array out.

Each is named by an entry `Udf` of a family of rules and found here by that name, in whatever module of this folder it
is. They see NULLs, and raise where BigQuery raises or where they are not sure: the local run stops and BigQuery answers.
pyarrow is imported when the first of them is needed.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def __getattr__(name: str) -> Any:
    """The body of that name; one of the functions that rules name begins with `bp_`."""
    if name.startswith("bp_"):
        for module in pkgutil.iter_modules(__path__):
            found = getattr(importlib.import_module(f"{__name__}.{module.name}"), name, None)
            if found is not None:
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
