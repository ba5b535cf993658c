"""What is remembered, by key: the least recently used goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

MOST = 500
"""How many values are kept by default."""

T = TypeVar("T")


@dataclass(slots=True)
class LruCache(Generic[T]):
    """Values by their keys. Safe to use from several threads."""

    most: int = MOST
    _values: OrderedDict[Hashable, T] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: Hashable) -> T | None:
        """The value, None where it is not known."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def of(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value, made where it is not known; nothing is kept where making it fails."""
        value = self.get(key)
        if value is None:
            value = make()
            self.put(key, value)
        return value

    def put(self, key: Hashable, value: T) -> None:
        """Keep a value as the one used last; beyond `most` the least recently used goes."""
        with self._lock:
            self._values[key] = value
            while len(self._values) > self.most:
                self._values.popitem(last=False)


def hashable(key: Any) -> Hashable:
    """The key, or its text where it holds what cannot be hashed, as a parameter's list."""
    try:
        hash(key)
    except TypeError:
        return repr(key)
    return key  # type: ignore[no-any-return]
