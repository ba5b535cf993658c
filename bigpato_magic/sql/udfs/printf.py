"""FORMAT's pieces: one value, with the flags, the width and the precision of its specifier.

https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#format_string
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, strict
from bigpato_magic.sql.udfs.json_values import held, print_json

WIDEST = 100_000
"""Characters: FORMAT makes wider ones, but not here."""
MOST_DIGITS = 1074
"""Digits after the point; more is an error."""


def _padded(spec: str, width: int, sign: str, digits: str, *, zeros: bool) -> str:
    """Sign and digits in a field; zeros go between them."""
    missing = width - len(sign) - len(digits)
    if "-" in spec:
        return sign + digits + " " * missing
    return sign + "0" * missing + digits if zeros and "0" in spec else " " * missing + sign + digits


def _sign(spec: str, negative: bool) -> str:
    if negative:
        return "-"
    return "+" if "+" in spec else " " if " " in spec else ""


def _field(spec: str, width: int, precision: int) -> tuple[str, int]:
    """A negative width, which only `*` gives, is a flag."""
    if abs(width) > WIDEST or precision > WIDEST:
        raise Unsure("a wide text")
    return (spec, width) if width >= 0 else ("-" + spec, -width)


def _grouped(digits: str, size: int, mark: str) -> str:
    first = len(digits) % size or size
    return mark.join([digits[:first], *(digits[i : i + size] for i in range(first, len(digits), size))])


_BASES = {"x": "x", "X": "X", "o": "o"}
_MARKS = {"x": (4, ":"), "X": (4, ":"), "o": (4, ",")}
_PREFIXES = {"x": "0x", "X": "0X", "o": "0"}


def format_integer(spec: str, width: int, precision: int, value: int) -> str:
    """%d, %i, %o, %x and %X: `spec` is the flags and then the letter."""
    spec, width = _field(spec, width, precision)
    letter = spec[-1]
    digits = format(abs(value), _BASES.get(letter, "d"))
    plain = letter in "di" and "'" not in spec
    long = precision > len(digits)
    if plain and precision == 0 and value == 0:
        digits = ""
    digits = digits.rjust(max(precision, 0), "0")
    if "'" in spec:
        if long:
            raise Unsure("grouped digits with a precision")
        digits = _grouped(digits, *_MARKS.get(letter, (3, ",")))
    prefix = _PREFIXES.get(letter, "") if "#" in spec and not (letter == "o" and long) else ""
    zeros = not (plain and precision >= 0)
    return _padded(spec, width, _sign(spec, value < 0) + prefix, digits, zeros=zeros)


def format_float(spec: str, width: int, precision: int, value: float) -> str:
    """%f, %e and %g of a FLOAT64, which C and Python print alike; -0.0 is printed as 0.0."""
    spec, width = _field(spec, width, precision)
    precision = _checked(spec[-1], precision)
    body = ("%#.*" if "#" in spec else "%.*") + spec[-1]
    digits = body % (precision, abs(value))
    whole = len(digits) - len(digits.lstrip("0123456789"))
    if "'" in spec and whole:
        digits = _grouped(digits[:whole], 3, ",") + digits[whole:]
    return _padded(spec, width, _sign(spec, value < 0), digits, zeros=math.isfinite(value))


def _checked(letter: str, precision: int) -> int:
    if precision > MOST_DIGITS and letter not in "gG":
        raise InvalidValue("the precision value is too big")
    return 6 if precision < 0 else min(precision, MOST_DIGITS)


def format_numeric(spec: str, width: int, precision: int, value: Decimal) -> str:
    """%f, %e and %g of a NUMERIC, rounded half away from zero."""
    spec, width = _field(spec, width, precision)
    precision = _checked(spec[-1], precision)
    with localcontext(prec=MOST_DIGITS + 100, rounding=ROUND_HALF_UP):
        digits = _NUMERIC[spec[-1].lower()](abs(value), precision, "#" in spec)
    digits = digits.upper() if spec[-1].isupper() else digits
    whole = len(digits) - len(digits.lstrip("0123456789"))
    if "'" in spec:
        digits = _grouped(digits[:whole], 3, ",") + digits[whole:]
    return _padded(spec, width, _sign(spec, value < 0), digits, zeros=True)


def _fixed(value: Decimal, precision: int, point: bool) -> str:
    text = f"{value.quantize(Decimal(1).scaleb(-precision)):f}"
    return text + "." if point and not precision else text


def _rounded(value: Decimal, digits: int) -> tuple[Decimal, int]:
    """The value with so many significant digits, and the exponent of its first one."""
    if not value:
        return value, 0
    short = value.quantize(Decimal(1).scaleb(value.adjusted() - digits + 1))
    return short, short.adjusted()


def _exponential(value: Decimal, precision: int, point: bool) -> str:
    short, exponent = _rounded(value, precision + 1)
    return f"{_fixed(short.scaleb(-exponent), precision, point)}e{exponent:+03d}"


def _general(value: Decimal, precision: int, point: bool) -> str:
    precision = max(precision, 1)
    short, exponent = _rounded(value, precision)
    if -4 <= exponent < precision:
        text, _, rest = _fixed(short, precision - 1 - exponent, point).partition("e")
    else:
        text, _, rest = _exponential(short, precision - 1, point).partition("e")
    if not point and "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}e{rest}" if rest else text


_NUMERIC: dict[str, Callable[[Decimal, int, bool], str]] = {"f": _fixed, "e": _exponential, "g": _general}


def format_text(spec: str, width: int, precision: int, text: str) -> str:
    """%s, %t, %T and %p: cut to the precision, filled with spaces to the width, both in characters."""
    spec, width = _field(spec, width, precision)
    cut = text if precision < 0 else text[:precision]
    return cut.ljust(width) if "-" in spec else cut.rjust(width)


# -------------------------------------------------------------------------------------------- literals


def _quote(text: str) -> str:
    """The quotes that need the fewest escapes."""
    return "'" if '"' in text and "'" not in text else '"'


_QUOTES = re.compile("[\"'`]")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}
# A hexadecimal digit right after an escaped one would be read as a part of it.
_ESCAPED = re.compile(r"[\n\r\t\\'\"]|[\x00-\x1f\x7f][0-9A-Fa-f]*")


def string_literal(text: str) -> str:
    """A STRING as %T prints it."""
    quote = _quote(text)

    def escaped(found: re.Match[str]) -> str:
        run = found[0]
        if run in "'\"":
            return "\\" + run if run == quote else run
        return _ESCAPES.get(run) or "".join(f"\\x{ord(c):02x}" for c in run)

    return quote + _ESCAPED.sub(escaped, text) + quote


def escaped_bytes(data: bytes) -> str:
    """BYTES as %t prints them: as inside any quotes."""
    return _QUOTES.sub(r"\\\g<0>", _escaped_bytes(data))


def _escaped_bytes(data: bytes) -> str:
    return "".join(_byte(byte) for byte in data)


def _byte(byte: int) -> str:
    if byte == 92:
        return "\\\\"
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"


def bytes_literal(data: bytes) -> str:
    """BYTES as %T prints them."""
    quote = _quote(data.decode("latin-1"))
    return "b" + quote + _escaped_bytes(data).replace(quote, "\\" + quote) + quote


def pretty_json(text: str) -> str:
    """A value of the JSON type as %P prints it: indented by two."""
    return _pretty(held(text), "\n")


def _pretty(value: Any, newline: str) -> str:
    inner = newline + "  "
    if isinstance(value, dict) and value:
        members = (f"{json.dumps(name, ensure_ascii=False)}: {_pretty(value[name], inner)}" for name in value)
        return "{" + inner + ("," + inner).join(members) + newline + "}"
    if isinstance(value, list) and value:
        return "[" + inner + ("," + inner).join(_pretty(item, inner) for item in value) + newline + "]"
    return print_json(value)


bp_format_integer = strict(format_integer, pa.string())
bp_format_float = strict(format_float, pa.string())
bp_format_numeric = strict(format_numeric, pa.string())
bp_format_text = strict(format_text, pa.string())
bp_string_literal = strict(string_literal, pa.string())
bp_escaped_bytes = strict(escaped_bytes, pa.string())
bp_bytes_literal = strict(bytes_literal, pa.string())
bp_pretty_json = strict(pretty_json, pa.string())
