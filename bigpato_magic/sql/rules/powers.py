"""Roots, powers and logarithms of NUMERIC: functions of `sql.udfs.powers`."""

from __future__ import annotations

from bigpato_magic.sql.physical import SCALARS
from bigpato_magic.sql.rules.base import DOCS, Udf, guarded
from bigpato_magic.types import Kind

SOURCE = DOCS + "mathematical_functions"
NUMERIC = SCALARS[Kind.NUMERIC]
# GoogleSQL's name, the function's, and how many arguments it takes.
_FUNCTIONS = (
    ("sqrt", "sqrt", 1),
    ("cbrt", "cbrt", 1),
    ("exp", "exp", 1),
    ("ln", "ln", 1),
    ("log", "ln", 1),
    ("log10", "log10", 1),
    ("log", "log", 2),
    ("pow", "pow", 2),
)
UDFS = tuple(
    Udf(f"bp_numeric_{function}", (*(NUMERIC,) * count, "BOOLEAN"), NUMERIC)
    for name, function, count in _FUNCTIONS
    if (name, count) != ("log", 1)
)
RULES = tuple(
    guarded(name, ", ".join(["NUMERIC"] * count), f"bp_numeric_{function}") for name, function, count in _FUNCTIONS
)
