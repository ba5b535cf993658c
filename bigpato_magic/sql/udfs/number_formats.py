"""CAST of numbers AS STRING FORMAT '$9,990.00', 'S9.99EEEE', 'FM0XXX'.

https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_numeric_type_as_string
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import Unsure, strict

Number = int | float | Decimal
CURRENCIES = {"$": "$", "L": "$", "l": "$", "C": "USD", "c": "usd"}
_FLAG = re.compile(r"FM|[BS$LC]")
_PICTURE = re.compile(
    r"(?P<flags>(?:FM|[BS$LC])*)"
    r"(?:(?P<hex>0*X[0X]*)|(?P<whole>(?:[90](?:[90,G]*[90])?)?)(?P<point>[.DV]?)(?P<fraction>[90]*)(?P<exponent>(?:EEEE)?))"
    r"(?P<sign>S|MI|PR|)"
)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a format says.

    Args:
        sign: where it stands: nothing (before, a blank for +), `S` (before), `+` (S, behind), `MI`, `PR`.
        fill: blanks before it, and zeros at the end of its fraction (not so with `FM`).
        blank: what has no whole part is blanks.
        currency: before the digits.
        whole: `9`, `0` and `,`; of hexadecimal digits `X` and `0`.
        point: `.`, nothing (`V`: digits without one), or nothing at all.
        fraction: `9` and `0`.
        exponent: `E`, `e`, or nothing.
        digits: `X` or `x` for hexadecimal ones, else nothing.
    """

    sign: str
    fill: bool
    blank: bool
    currency: str
    whole: str
    point: str
    fraction: str
    exponent: str
    digits: str

    @property
    def width(self) -> int:
        """Of what is filled up with blanks."""
        places = len(self.whole) + len(self.point) + len(self.fraction) + (4 if self.exponent else 0)
        return len(self.currency) + places + (2 if self.sign == "PR" else 1)


@lru_cache(maxsize=200)
def picture(form: str) -> Picture | None:
    """What a format says; None where not all of it is known here, or BigQuery may refuse it."""
    match = _PICTURE.fullmatch(form.upper()) if form.isascii() else None
    if match is None or not (match["hex"] or (match["whole"] or "") + (match["fraction"] or "")):
        return None
    flags = _FLAG.findall(match["flags"])
    signs = flags.count("S") + bool(match["sign"])
    money = [CURRENCIES[letter] for letter in form[: match.end("flags")] if letter in CURRENCIES]
    if len(set(flags)) < len(flags) or signs > 1 or len(money) > 1 or not _fits(form, match, flags, bool(money)):
        return None
    return Picture(
        sign="S" if "S" in flags else match["sign"].replace("S", "+"),
        fill="FM" not in flags,
        blank="B" in flags,
        currency="".join(money),
        whole=match["hex"] or match["whole"].replace("G", ","),
        point={".": ".", "D": "."}.get(match["point"] or "", ""),
        fraction=match["fraction"] or "",
        exponent=form[match.start("exponent")] if match["exponent"] else "",
        digits=form[match["hex"].index("X") + match.start("hex")] if match["hex"] else "",
    )


def _fits(form: str, match: re.Match[str], flags: list[str], money: bool) -> bool:
    """Whether elements may stand beside each other, as far as that is known here."""
    if match["hex"]:
        letters = set(re.sub("[^Xx]", "", form))
        return len(letters) == 1 and not money and "B" not in flags and len(match["hex"]) <= 15
    if match["exponent"] and (match["whole"] not in ("9", "0") or match["point"] == "V"):
        return False
    return not (match["point"] == "V" and "FM" in flags)


def format_number(value: Number, form: str) -> str:
    """The text of a number: right-aligned, with a place for the sign; `#` where it does not fit."""
    shape = picture(form)
    if shape is None or (isinstance(value, float) and not math.isfinite(value)):
        raise Unsure("such a number in a format")
    size = value if value > 0 else 0 - value  # of -0.0 too
    digits, rest, exponent = _digits(size, shape)
    if shape.blank and digits.strip("0") == "":
        return " " * shape.width if shape.fill else ""
    if len(digits) > len(shape.whole.replace(",", "")):
        body = re.sub("[90X]", "#", shape.whole + shape.point + shape.fraction)
    else:
        rest = rest if shape.fill else rest.rstrip("0")
        if shape.whole and not digits + rest:
            digits = "0"
        body = _placed(digits, shape.whole) + shape.point + rest + exponent
    return _signed(shape.currency + body, value < 0, shape)


def _digits(value: Number, shape: Picture) -> tuple[str, str, str]:
    """Digits of the whole part (none of a 0 before a fraction), of the fraction, and the exponent."""
    places = len(shape.fraction)
    if shape.exponent:
        return _scientific(value, places, shape.exponent)
    if shape.digits:  # FLOAT64, too, is rounded half away from zero
        whole = int(value)
        return f"{whole + (value - whole >= 0.5):{shape.digits}}", "", ""
    # After V the number is that many digits larger, of which all are written.
    digits, _, rest = _rounded(value, places).partition(".")
    return "" if digits == "0" and shape.fraction else digits, rest, ""


def _scientific(value: Number, places: int, letter: str) -> tuple[str, str, str]:
    if isinstance(value, float):
        mantissa, _, power = f"{value:.{places}e}".partition("e")
    else:
        exact = Decimal(value)
        power = str(exact.adjusted() if exact else 0)
        with localcontext(prec=100):
            mantissa = _rounded(exact.scaleb(-int(power)), places)
        if mantissa.startswith("10"):
            power, mantissa = str(int(power) + 1), f"{1:.{places}f}"
    digits, _, rest = mantissa.partition(".")
    return digits, rest, f"{letter}{int(power):+03d}"


def _rounded(value: Number, places: int) -> str:
    """Not negative; FLOAT64 as it is exactly, ties to even, others half away from zero."""
    if isinstance(value, float):
        return f"{value:.{places}f}"
    with localcontext(prec=100):
        return f"{Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"


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


def _signed(body: str, negative: bool, shape: Picture) -> str:
    """With its sign, and blanks before it."""
    plus = " " if shape.fill else ""
    if shape.sign == "PR":
        text = f"<{body}>" if negative else f"{plus}{body}{plus}"
    elif shape.sign in ("MI", "+"):
        text = body + ("-" if negative else "+" if shape.sign == "+" else plus)
    else:
        text = ("-" if negative else "+" if shape.sign == "S" else plus) + body
    return text.rjust(shape.width) if shape.fill else text


bp_format_number = strict(format_number, pa.string())
