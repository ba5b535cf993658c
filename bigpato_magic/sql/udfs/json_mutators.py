"""JSON_SET, JSON_REMOVE and their like: what they change in a value of the JSON type.

A path's step is a member's name (str) or an index (int); a step that does not fit what is there leaves all as it is.
https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict
from bigpato_magic.sql.udfs.json_values import held, print_json

Step = str | int
LONGEST = 10_000
"""BigQuery makes arrays of a million elements; those that are longer than this are left to it."""


@lru_cache(maxsize=1000)
def _steps(path: str) -> tuple[Step, ...]:
    return tuple(json.loads(path))


def _fits(value: Any, step: Step) -> bool:
    return isinstance(value, list if isinstance(step, int) else dict)


def _has(value: Any, step: Step) -> bool:
    return step < len(value) if isinstance(step, int) else step in value


def _checked(value: list[Any]) -> list[Any]:
    if len(value) > LONGEST:
        raise Unsure("a long JSON array")
    return value


def _padded(value: list[Any], length: int) -> None:
    """Make an array at least that long with nulls."""
    if length > LONGEST:
        raise Unsure("a long JSON array")
    value.extend([None] * (length - len(value)))


def set_value(text: str, path: str, new: str, create: bool) -> str:
    """JSON_SET of one path."""
    root: list[Any] = [held(text)]
    way: list[Step] = [0, *_steps(path)]
    value: Any = root
    for place, step in enumerate(way[:-1]):
        if not _has(value, step):
            break
        following = value[step]
        if following is None and create:
            value[step] = [] if isinstance(way[place + 1], int) else {}
        elif not _fits(following, way[place + 1]):
            return text
        value = value[step]
    else:
        place, step = len(way) - 1, way[-1]
    if not _has(value, step) and not create:
        return text
    _put(value, step, _nest(way[place + 1 :], held(new)))
    return print_json(root[0])


def _put(value: Any, step: Step, new: Any) -> None:
    if isinstance(step, int):
        _padded(value, step + 1)
    value[step] = new


def _nest(way: list[Step], value: Any) -> Any:
    """`value` inside the arrays and objects that a path needs."""
    for step in reversed(way):
        made: Any = [] if isinstance(step, int) else {}
        _put(made, step, value)
        value = made
    return value


def _found(root: list[Any], way: tuple[Step, ...]) -> tuple[Any, Step] | None:
    """What holds the value that a path leads to, and where; None where it leads nowhere."""
    value: Any = root
    last: Step = 0
    for step in way:
        value = value[last]
        if not _fits(value, step) or not _has(value, step):
            return None
        last = step
    return value, last


def _array_at(root: list[Any], way: tuple[Step, ...]) -> list[Any] | None:
    """The array that a path leads to; a `null` there becomes one."""
    found = _found(root, way)
    if found is None:
        return None
    holder, step = found
    if holder[step] is None:
        holder[step] = []
    array: Any = holder[step]
    return _checked(array) if isinstance(array, list) else None


def array_append(text: str, path: str, items: list[str]) -> str:
    """JSON_ARRAY_APPEND of these elements."""
    root: list[Any] = [held(text)]
    array = _array_at(root, _steps(path))
    if array is None:
        return text
    array.extend(map(held, items))
    return print_json(root[0])


def array_insert(text: str, path: str, items: list[str]) -> str:
    """JSON_ARRAY_INSERT of these elements."""
    *way, index = _steps(path) or ("",)
    if not isinstance(index, int):
        return text
    root: list[Any] = [held(text)]
    array = _array_at(root, tuple(way))
    if array is None:
        return text
    _padded(array, index if items else index + 1)
    array[index:index] = map(held, items)
    return print_json(root[0])


def strip_nulls(text: str, path: str, arrays: bool, empty: bool) -> str:
    """JSON_STRIP_NULLS."""
    root: list[Any] = [held(text)]
    holder, step = _place(root, _steps(path))
    if holder is None:
        return text
    holder[step] = _stripped(holder[step], arrays, empty)
    return print_json(root[0])


def _stripped(value: Any, arrays: bool, empty: bool) -> Any:
    if isinstance(value, dict):
        members = {name: _stripped(member, arrays, empty) for name, member in value.items()}
        value = {name: member for name, member in members.items() if member is not None}
    elif isinstance(value, list):
        value = [_stripped(item, arrays, empty and arrays) for item in value]
        if not arrays:
            return value
        value = [item for item in value if item is not None]
    return None if empty and value in ([], {}) else value


def remove(text: str, path: str) -> str:
    """JSON_REMOVE of one path."""
    if not _steps(path):
        raise InvalidValue("the JSONPath cannot be '$'")
    root: list[Any] = [held(text)]
    holder, step = _place(root, _steps(path))
    if holder is not None:
        del holder[step]
    return print_json(root[0])


def _place(root: list[Any], way: tuple[Step, ...]) -> tuple[Any, Step]:
    """The array or object that holds what a path leads to, None where it leads nowhere, and where that is in it."""
    holder: Any = None
    value: Any = root
    for step in (0, *way):
        if not _fits(value, step) or not _has(value, step):
            return None, step
        holder, value = value, value[step]
    return holder, (way or (0,))[-1]


bp_json_set = strict(set_value, pa.string())
bp_json_array_append = strict(array_append, pa.string())
bp_json_array_insert = strict(array_insert, pa.string())
bp_json_strip_nulls = strict(strip_nulls, pa.string())
bp_json_remove = strict(guarded(remove), pa.string())
