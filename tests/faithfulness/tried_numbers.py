"""What the grid tries of rules for numbers, arrays and conditionals; see `trials`."""

from __future__ import annotations

from bigpato_magic.sql.rules.decimals import MODES
from bigpato_magic.sql.rules.operators import ORDERED

BIG = "BIGNUMERIC"
PAIR = f"{BIG}, {BIG}"
BIG_VALUES = (
    "BIGNUMERIC '1.5'",
    "BIGNUMERIC '-2.5'",
    "BIGNUMERIC '0'",
    "BIGNUMERIC '1e-38'",
    "BIGNUMERIC '7'",
    "BIGNUMERIC '578960446186580977117854925043439539266.34992332820282019728792003956564819967'",
    "NULL",
)
BIG_PAIRS = ("$add", "$subtract", "$multiply", "$divide", "div", "mod")
SAFE_PAIRS = ("safe_add", "safe_subtract", "safe_multiply", "safe_divide")
BIG_SINGLES = ("$unary_minus", "safe_negate", "abs", "sign", "floor", "ceil", "round", "trunc")
STEPS = {
    "a": ("0.0", "1.5", "-3.25", "NULL"),
    "b": ("2.5", "-4.0", "0.3", "1.5", "NULL"),
    "c": ("0.1", "-0.5", "0.3", "7.0", "0.0", "NULL"),
}
NUMERIC_STEPS = {
    letter: tuple(f"NUMERIC '{v}'" if v != "NULL" else v for v in values) for letter, values in STEPS.items()
}
SPARSE = ("[STRUCT(1 AS i, 2.0 AS x), (2, 3.5)]", "[STRUCT(2 AS i, -1.5 AS x)]", "[STRUCT(7 AS i, 0.5 AS x)]")
PATTERNS = {
    **{f"$in({key}, ...)": ("a IN (a, NULL)",) for key in ORDERED},
    "$in(FLOAT64, ...)": ("a IN (1.5, 0.0)",),
    "error(STRING)": ("ERROR(a)",),
    "round(FLOAT64, INT64)": ("ROUND(a, 2)", "ROUND(a, 5)", "ROUND(a, b)", "ROUND(a, -1)"),
    "round(NUMERIC, INT64)": ("ROUND(a, 2)", "ROUND(a, 0)", "ROUND(a, b)", "SAFE.ROUND(a, b)", "ROUND(a, -1)"),
    "trunc(FLOAT64, INT64)": ("TRUNC(a, b)", "TRUNC(a, 2)"),
    **{f"round({key}, INT64, ENUM)": tuple(f"ROUND(a, b, '{mode}')" for mode in MODES) for key in (BIG, "NUMERIC")},
    "$make_array(...)": ("[a]", "[a, 1, a]"),
}
VALUES = {
    **{f"{name}({PAIR})": {"a": BIG_VALUES, "b": BIG_VALUES} for name in (*BIG_PAIRS, *SAFE_PAIRS)},
    **{f"{name}({BIG})": {"a": BIG_VALUES} for name in BIG_SINGLES},
    **{f"{name}({BIG}, INT64)": {"a": BIG_VALUES} for name in ("round", "trunc")},
    **{
        f"{name}_distance(ARRAY<STRUCT>, ARRAY<STRUCT>)": {"a": SPARSE, "b": SPARSE} for name in ("cosine", "euclidean")
    },
    "generate_array(FLOAT64, FLOAT64, FLOAT64)": STEPS,
    "generate_array(NUMERIC, NUMERIC, NUMERIC)": NUMERIC_STEPS,
}
