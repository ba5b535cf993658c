"""Values of the JSON type made of others: flattened, their keys, put together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict
from bigpato_magic.sql.udfs.json_texts import quote_text
from bigpato_magic.sql.udfs.json_values import held, print_json

TEXT, TEXTS = pa.string(), pa.list_(pa.string())


def flatten(text: str) -> list[str]:
    """JSON_FLATTEN."""

    def leaves(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            for item in value:
                yield from leaves(item)
        else:
            yield value

    return [print_json(leaf) for leaf in leaves(held(text))]


def keys(text: str, depth: int, mode: str) -> list[str]:
    """JSON_KEYS; `depth` is at least 1."""
    entered = {"strict": 0, "lax": 1, "lax recursive": 1 << 30}.get(mode.lower())
    if entered is None:
        raise InvalidValue(f"JSON_KEYS mode {mode}")
    return sorted(set(_keys(held(text), depth, entered, "", 0)))


def _keys(value: Any, depth: int, lax: int, prefix: str, nested: int) -> Iterator[str]:
    if isinstance(value, list) and nested < lax:
        for item in value:
            yield from _keys(item, depth, lax, prefix, nested + 1)
    elif isinstance(value, dict) and depth > 0:
        for name, member in value.items():
            path = f"{prefix}.{_key(name)}" if prefix else _key(name)
            yield path
            yield from _keys(member, depth - 1, lax, path, 0)


def _key(name: str) -> str:
    """A step of a path, in quotes where it needs them."""
    if '"' in name or "\\" in name:
        raise Unsure("a quote in a JSON key")
    quoted = quote_text(name)
    return quoted if "." in name or len(quoted) > len(name) + 2 else name


def json_object(names: list[str | None], values: list[str]) -> str:
    """JSON_OBJECT; the first of twins counts."""
    if any(name is None for name in names):
        raise InvalidValue("a key of JSON_OBJECT cannot be NULL")
    if len(names) != len(values):
        raise InvalidValue("JSON_OBJECT with other numbers of keys and values")
    first = dict(zip(reversed(names), reversed(values), strict=True))
    members = (f"{json.dumps(name, ensure_ascii=False)}:{first[name]}" for name in sorted(first))  # type: ignore[type-var]
    return "{" + ",".join(members) + "}"


bp_json_flatten = strict(flatten, TEXTS)
bp_json_keys = strict(guarded(keys), TEXTS)
bp_json_object = strict(guarded(json_object), TEXT)
