"""JSON texts (STRING): numbers and members are kept as they are written.

https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions
"""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import Unsure, strict

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """An object's members as they are written, twins included."""


def _no_constant(name: str) -> Any:
    raise Unsure(f"{name} in a JSON text")


_TEXT = json.JSONDecoder(
    object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=_no_constant, strict=True
)


# With its first word a text is no JSON of any kind: there is nothing in it, as in `null`.
_HOPELESS = re.compile(r""" *(?:\Z|[^\s\x00-\x1f\ufeff"'{\[\-0-9tfn]|t(?!rue)|f(?!alse)|n(?!ull))""")


def parse_text(text: str) -> Any:
    """A JSON text with numbers and members as written. GoogleSQL reads more than JSON here, in ways of its own: unsure."""
    if _HOPELESS.match(text):
        return None
    if SURROGATE.search(text):
        raise Unsure("a surrogate escape in a JSON text")
    try:
        return _TEXT.decode(text)
    except (json.JSONDecodeError, RecursionError):
        raise Unsure("a malformed JSON text") from None


def quote_text(text: str) -> str:
    """A string as the functions of JSON texts print it."""
    return json.dumps(text, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


# A string, an empty array or object, or a single sign; everything else in between is a scalar.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\[\]|\{\}|[\[\]{},:]|[^"\[\]{},:]+')


def pretty(text: str) -> str:
    """A compact JSON text as TO_JSON_STRING prints it with `pretty_print`: two spaces a level."""
    pieces: list[str] = []
    level = 0
    for sign in _TOKEN.findall(text):
        if sign in ("[", "{", ","):
            level += sign != ","
            pieces += [sign, "\n", "  " * level]
        elif sign in ("]", "}"):
            level -= 1
            pieces += ["\n", "  " * level, sign]
        else:
            pieces.append(": " if sign == ":" else sign)
    return "".join(pieces)


def print_text(value: Any) -> str:
    """Compact, everything else as written."""
    if isinstance(value, Number):
        return value
    if isinstance(value, str):
        return quote_text(value)
    if isinstance(value, Members):
        return "{" + ",".join(f"{quote_text(name)}:{print_text(member)}" for name, member in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(print_text, value)) + "]"
    return json.dumps(value)


bp_json_pretty = strict(pretty, pa.string())
