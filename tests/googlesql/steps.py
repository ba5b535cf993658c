"""How many steps Python's `re` takes: a matcher over its own parse tree that backtracks as it does, and counts.

No optimisation of `re` is in it, so its steps are what a pattern may cost, not what a machine's clock says of it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

ENOUGH = 400_000
_REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)


class TooManyError(Exception):
    """More steps than `ENOUGH`."""


class Matcher:
    """One pattern, and the steps that it has taken.

    Args:
        pattern: compiled.
        text: to be matched.
    """

    def __init__(self, pattern: re.Pattern[str], text: str) -> None:
        self._tree = parser.parse(pattern.pattern, pattern.flags)
        self._flags = pattern.flags
        self._text = text
        self.steps = 0

    def ends(self, start: int) -> Iterator[int]:
        """Where a match may end that begins at `start`, the first one first."""
        yield from self._sequence(list(self._tree), 0, start)

    def search(self) -> int | None:
        """Where the first match begins, as `search` finds it, and then all others, as `finditer` does."""
        place, first = 0, None
        while place <= len(self._text):
            end = next(self.ends(place), None)
            first = place if first is None and end is not None else first
            place = place + 1 if end is None or end == place else end
        return first

    def _sequence(self, items: list[Any], index: int, at: int) -> Iterator[int]:
        if index == len(items):
            yield at
            return
        for after in self._one(items[index], at):
            yield from self._sequence(items, index + 1, after)

    def _one(self, item: Any, at: int) -> Iterator[int]:
        self.steps += 1
        if self.steps > ENOUGH:
            raise TooManyError
        op, value = item
        if op in _REPEATS:
            yield from self._repeat(op, *value, at)
        elif op is ops.SUBPATTERN:
            yield from self._sequence(list(value[3]), 0, at)
        elif op is ops.BRANCH:
            for branch in value[1]:
                yield from self._sequence(list(branch), 0, at)
        elif op is ops.ATOMIC_GROUP:
            yield from self._first(self._sequence(list(value), 0, at))
        elif op in (ops.ASSERT, ops.ASSERT_NOT, ops.AT):
            yield from [at] if self._holds(op, value, at) else []
        elif at < len(self._text) and self._takes(item, self._text[at]):
            yield at + 1

    def _holds(self, op: Any, value: Any, at: int) -> bool:
        if op is ops.AT:
            return self._stands(value, at)
        direction, inner = value
        start = at if direction > 0 else at - inner.getwidth()[0]
        found = start >= 0 and any(end == at or direction > 0 for end in self._sequence(list(inner), 0, start))
        return found is (op is ops.ASSERT)

    @staticmethod
    def _first(found: Iterator[int]) -> Iterator[int]:
        end = next(found, None)
        if end is not None:
            yield end

    def _repeat(self, op: Any, least: int, most: int, body: Any, at: int) -> Iterator[int]:
        if op is ops.POSSESSIVE_REPEAT:
            yield from self._possessive(least, most, body, at)
            return
        # Iterators of the iterations so far, as deep as the match goes.
        if op is ops.MIN_REPEAT and least == 0:
            yield at
        stack = [(at, self._sequence(list(body), 0, at))]
        while stack:
            begin, tries = stack[-1]
            end = next(tries, None) if len(stack) <= most else None
            if end is None or (end == begin and len(stack) > least):
                stack.pop()
                if op is ops.MAX_REPEAT and len(stack) >= least:
                    yield begin
                continue
            if op is ops.MIN_REPEAT and len(stack) >= least:
                yield end
            stack.append((end, self._sequence(list(body), 0, end)))

    def _possessive(self, least: int, most: int, body: Any, at: int) -> Iterator[int]:
        times = 0
        while times < most:
            end = next(self._sequence(list(body), 0, at), None)
            if end is None or end == at:
                break
            at, times = end, times + 1
        if times >= least:
            yield at

    def _stands(self, where: Any, at: int) -> bool:
        text = self._text
        line = bool(self._flags & re.MULTILINE)
        if where in (ops.AT_BEGINNING, ops.AT_BEGINNING_STRING):
            return at == 0 or (line and where is ops.AT_BEGINNING and text[at - 1] == "\n")
        if where in (ops.AT_END, ops.AT_END_STRING):
            last = at == len(text) or (where is ops.AT_END and text[at:] == "\n")
            return last or (line and where is ops.AT_END and text[at] == "\n")
        before = at > 0 and _is_word(text[at - 1])
        after = at < len(text) and _is_word(text[at])
        return (before != after) is (where is ops.AT_BOUNDARY)

    def _takes(self, item: Any, letter: str) -> bool:
        op, value = item
        if op is ops.ANY:
            return letter != "\n" or bool(self._flags & re.DOTALL)
        letters = {letter, letter.lower(), letter.upper()} if self._flags & re.IGNORECASE else {letter}
        if op is ops.IN:
            return any(_in(value, one) for one in letters)
        if op is ops.NOT_LITERAL:
            return all(ord(one) != value for one in letters if len(one) == 1)
        return any(len(one) == 1 and ord(one) == value for one in letters)


def _in(members: list[Any], letter: str) -> bool:
    negated = members[0][0] is ops.NEGATE
    code = ord(letter[0])
    for op, value in members[negated:]:
        if op is ops.LITERAL and code == value:
            return not negated
        if op is ops.RANGE and value[0] <= code <= value[1]:
            return not negated
        if op is ops.CATEGORY and _CATEGORIES[value](letter):
            return not negated
    return bool(negated)


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    ops.CATEGORY_DIGIT: str.isdecimal,
    ops.CATEGORY_NOT_DIGIT: lambda c: not c.isdecimal(),
    ops.CATEGORY_SPACE: str.isspace,
    ops.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
    ops.CATEGORY_WORD: _is_word,
    ops.CATEGORY_NOT_WORD: lambda c: not _is_word(c),
}


# ------------------------------------------------------------------------------- texts that may be hard


class Sampler:
    """Texts that a pattern, or what it repeats, may match."""

    def __init__(self, pattern: re.Pattern[str], seed: int = 0) -> None:
        self._tree = parser.parse(pattern.pattern, pattern.flags)
        self._flags = pattern.flags
        self._random = random.Random(seed)

    def whole(self) -> str:
        """A text that the pattern may match."""
        return self._sample(self._tree)

    def pumps(self, each: int = 6) -> list[str]:
        """Texts for each thing that the pattern repeats."""
        bodies = list(_repeated(self._tree))
        return sorted({self._sample(body) for body in bodies for _ in range(each)} - {""})

    def _sample(self, items: Any) -> str:
        return "".join(self._one(*item) for item in items)

    def _one(self, op: Any, value: Any) -> str:
        if op in _REPEATS:
            least, most, body = value
            times = self._random.randint(least, min(least + 2, most))
            return "".join(self._sample(body) for _ in range(times))
        if op is ops.SUBPATTERN:
            return self._sample(value[3])
        if op is ops.BRANCH:
            return self._sample(self._random.choice(value[1]))
        if op is ops.ATOMIC_GROUP:
            return self._sample(value)
        if op in (ops.ASSERT, ops.ASSERT_NOT, ops.AT):
            return ""
        taker = Matcher(re.compile("x", self._flags & ~re.VERBOSE), "")
        fits = [c for c in _LETTERS if taker._takes((op, value), c)]
        return self._random.choice(fits) if fits else chr(value) if op is ops.LITERAL else ""


def _repeated(items: Any) -> Iterator[Any]:
    for op, value in items:
        if op in _REPEATS:
            yield value[2]
            yield from _repeated(value[2])
        elif op is ops.SUBPATTERN:
            yield from _repeated(value[3])
        elif op is ops.BRANCH:
            for branch in value[1]:
                yield from _repeated(branch)
        elif op is ops.ATOMIC_GROUP:
            yield from _repeated(value)


_LETTERS = [*map(chr, range(32, 127)), "\n", "\r", "\t", "é"]
