"""CAST of numbers AS STRING FORMAT '$9,990.00'.

https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_numeric_type_as_string
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import Unsure, strict

Number = int | float | Decimal
FORM = re.compile(r"(\$?)((?:[90](?:[90,]*[90])?)?)(\.?)([90]*)")


@lru_cache(maxsize=200)
def parts(form: str) -> tuple[str, str, str, str] | None:
    """Currency, whole part, point and fraction of a format; None if there is more in it."""
    match = FORM.fullmatch(form)
    if match is None or not match[2] + match[4]:
        return None
    return match[1], match[2], match[3], match[4]


def format_number(value: Number, form: str) -> str:
    """The text of a number: right-aligned, with a place for the sign; `#` where it does not fit."""
    found = parts(form)
    if found is None or (isinstance(value, float) and not math.isfinite(value)):
        raise Unsure("such a number in a format")
    currency, whole, point, fraction = found
    digits, _, rest = _rounded(value, len(fraction)).partition(".")
    digits = "" if digits == "0" and fraction else digits
    body = _placed(digits, whole) + point + rest
    if len(digits) > len(whole.replace(",", "")):
        body = re.sub("[90]", "#", whole + point + fraction)
    return (("-" if value < 0 else "") + currency + body).rjust(1 + len(form))


def _rounded(value: Number, places: int) -> str:
    """Without its sign; FLOAT64 as it is exactly, ties to even, others half away from zero."""
    if isinstance(value, float):
        return f"{abs(value):.{places}f}"
    with localcontext(prec=100):
        return f"{abs(Decimal(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"


def _placed(digits: str, whole: str) -> str:
    """Digits in their places, from the right; `0` and what follows it is always written."""
    needed = len(whole[whole.index("0") :].replace(",", "")) if "0" in whole else 0
    left = digits.zfill(needed) if needed > len(digits) else digits
    found: list[str] = []
    for place in reversed(whole):
        if not left:
            break
        found.append("," if place == "," else left[-1])
        left = left if place == "," else left[:-1]
    return "".join(reversed(found))


bp_format_number = strict(format_number, pa.string())
