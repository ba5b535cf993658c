"""What a JSONPath leads to, in JSON texts and in values of the JSON type."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import strict
from bigpato_magic.sql.udfs.json_texts import Members, parse_text, print_text
from bigpato_magic.sql.udfs.json_values import held, print_json

TEXT, TEXTS = pa.string(), pa.list_(pa.string())


@lru_cache(maxsize=1000)
def steps(path: str) -> tuple[str, ...]:
    """A path as rules hand it over: a JSON list of steps. A step is a member's name, or an index in digits."""
    return tuple(json.loads(path))


def _step(value: Any, name: str) -> Any:
    """What a step leads to; KeyError where it leads nowhere."""
    if isinstance(value, Members):
        return next(member for key, member in value if key == name)
    if isinstance(value, dict):
        return value[name]
    if isinstance(value, list) and name.isascii() and name.isdigit():
        return value[int(name)]
    raise KeyError(name)


ABSENT = object()


def at(value: Any, path: str) -> Any:
    """What a path leads to, `ABSENT` where it leads nowhere."""
    for name in steps(path):
        try:
            value = _step(value, name)
        except (KeyError, IndexError, StopIteration):
            return ABSENT
    return value


def text_query(text: str, path: str) -> str | None:
    """JSON_QUERY of a text."""
    found = at(parse_text(text), path)
    return None if found is ABSENT or found is None else print_text(found)


def text_value(text: str, path: str) -> str | None:
    """JSON_VALUE of a text."""
    return _scalar(at(parse_text(text), path))


def _scalar(value: Any) -> str | None:
    if value is ABSENT or value is None or isinstance(value, (list, dict)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else print_json(value)


def text_query_array(text: str, path: str) -> list[str] | None:
    """JSON_QUERY_ARRAY of a text."""
    found = at(parse_text(text), path)
    return [print_text(item) for item in found] if _is_array(found) else None


def _is_array(value: Any) -> bool:
    return isinstance(value, list) and not isinstance(value, Members)


def text_value_array(text: str, path: str) -> list[str | None] | None:
    """JSON_VALUE_ARRAY of a text."""
    return _scalars(at(parse_text(text), path))


def _scalars(value: Any) -> list[str | None] | None:
    if not _is_array(value) or any(isinstance(item, (list, dict)) for item in value):
        return None
    return [_scalar(item) for item in value]


def json_query(text: str, path: str) -> str | None:
    """JSON_QUERY of the JSON type, and its subscripts."""
    found = at(held(text), path)
    return None if found is ABSENT else print_json(found)


def json_value(text: str, path: str) -> str | None:
    """JSON_VALUE of the JSON type."""
    return _scalar(at(held(text), path))


def json_query_array(text: str, path: str) -> list[str] | None:
    """JSON_QUERY_ARRAY of the JSON type."""
    found = at(held(text), path)
    return [print_json(item) for item in found] if isinstance(found, list) else None


def json_value_array(text: str, path: str) -> list[str | None] | None:
    """JSON_VALUE_ARRAY of the JSON type."""
    return _scalars(at(held(text), path))


bp_text_query = strict(text_query, TEXT)
bp_text_value = strict(text_value, TEXT)
bp_text_query_array = strict(text_query_array, TEXTS)
bp_text_value_array = strict(text_value_array, TEXTS)
bp_json_query = strict(json_query, TEXT)
bp_json_value = strict(json_value, TEXT)
bp_json_query_array = strict(json_query_array, TEXTS)
bp_json_value_array = strict(json_value_array, TEXTS)
