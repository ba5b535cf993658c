"""A published copy as a small JSON file, and back. What a file that cannot be read means is `store`'s business."""

from __future__ import annotations

import hashlib
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from bigpato_magic.types import TableCopy


def dumps(copy: TableCopy) -> str:
    """The manifest's text; parts are named without their directory."""
    parts = tuple(replace(part, path=Path(part.path.name)) for part in copy.parts)
    body = _plain(replace(copy, parts=parts))
    return json.dumps({"copy": body, "sha256": _digest(body)}, separators=(",", ":"))


def loads(text: str, parts: Path) -> TableCopy:
    """The copy of a manifest.

    Args:
        text: of the file.
        parts: the directory of its parts.

    Raises:
        ValueError: the text is damaged, or not a manifest.
    """
    try:
        content = json.loads(text)
        if content["sha256"] != _digest(content["copy"]):
            raise ValueError("its checksum is wrong")
        copy: TableCopy = _typed(content["copy"], TableCopy)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a manifest: {error}") from error
    return replace(copy, parts=tuple(replace(part, path=parts / part.path.name) for part in copy.parts))


def part_names(text: str) -> frozenset[str]:
    """Names of the files that a manifest names; cheap, and without proof.

    Raises:
        ValueError: it is not a manifest.
    """
    try:
        return frozenset(part["path"] for part in json.loads(text)["copy"]["parts"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a manifest: {error}") from error


def _digest(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Of what JSON has: dataclasses become objects without their defaults' types, sets become sorted lists."""
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path | Enum) else value


def _typed(value: Any, wanted: Any) -> Any:
    """The value that an annotation of `bigpato_magic.types` describes.

    Raises:
        TypeError: it is of another type.
    """
    if wanted is Any:
        return value
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _typed(value, next(a for a in arguments if a is not type(None)))
    if origin is not None:
        return _collection(value, origin, arguments)
    if is_dataclass(wanted):
        return _dataclass(value, wanted)
    if wanted is datetime:
        return datetime.fromisoformat(value)
    if isinstance(wanted, type) and issubclass(wanted, Path | Enum):
        return wanted(value)
    if not isinstance(value, (int, float) if wanted is float else wanted):
        raise TypeError(f"{value!r} is no {wanted.__name__}")
    return value


def _dataclass(value: Mapping[str, Any], wanted: Any) -> Any:
    hints = _hints(wanted)
    return wanted(**{name: _typed(item, hints[name]) for name, item in value.items() if name in hints})


def _collection(value: Any, origin: Any, arguments: tuple[Any, ...]) -> Any:
    matches = isinstance(value, dict if issubclass(origin, Mapping) else list)
    if not matches:
        raise TypeError(f"{value!r} is no {origin.__name__}")
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        return tuple(_typed(item, a) for item, a in zip(value, arguments, strict=True))
    if origin in (tuple, frozenset):
        return origin(_typed(item, arguments[0]) for item in value)
    return {key: _typed(item, arguments[1]) for key, item in value.items()}


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)
