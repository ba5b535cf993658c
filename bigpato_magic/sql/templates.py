"""The one parser of templates: what a DuckDB text with places for arguments does with them. Pure.

A rule writes a text in which marks stand for its arguments (`expr.assemble`), and a macro's body mentions its parameters.
Each such text is read once; what is known of a finished text is composed of this and of what its arguments are.

DuckDB puts the text of an argument wherever a macro mentions it, and plans each mention anew: an argument that is
mentioned twice at each of n levels is planned 2^n times. DuckDB's own functions, Python's and operators evaluate their
arguments in every row; CASE, COALESCE and lambdas look at some in some rows only, and so do macros made of them.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple, Protocol

from bigpato_magic.types import MOMENT

# How often DuckDB's own macros mention their parameters, of those that rules use.
BUILT_IN = {"array_to_string": (2, 1), "nullif": (2, 1)}
OURS = "bp_"
"""What the names of macros and functions of this package begin with."""
LIGHT = 24
"""Tokens: what is no longer is cheaper to compute twice than to bind."""
SHORTEST, LONGEST = 3 * LIGHT, 10 * LIGHT
"""Characters: a text without macros that is shorter is light, one that is longer is not."""
SHORT = 80
"""Characters: a text of columns that is no longer is cheaper to repeat than to bind."""
# No literal and no name has the character NUL (`physical.text`, `physical.identifier`), so a mark is nothing else.
_MARK = re.compile("(\0[0-9]+\0)")
_TOKEN = re.compile(r"\0[0-9]+\0|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\w+|[(),]|\s+|[^\s\w(),'\"\0]+")
_NAMED = re.compile(r"\{([a-z]+)\}")
# AND and OR stop early where they are conditions.
_LAZY = frozenset(("CASE", "AND", "OR", "coalesce", "TRY", "lambda"))
_ENDS_OF_FIRST = frozenset(("AND", "OR", "THEN"))


def mark(place: int) -> str:
    """What stands in a template for the argument at a place."""
    return f"\0{place}\0"


def split_at_marks(text: str) -> list[str]:
    """Texts and marks in turn, a text first and last."""
    return _MARK.split(text)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put texts for the named placeholders `{a}`, `{order}`, … of a template."""
    parts = list(_named_parts(template))
    parts[1::2] = [values[name] for name in parts[1::2]]
    return "".join(parts)


@cache
def _named_parts(template: str) -> tuple[str, ...]:
    return tuple(_NAMED.split(template))


def tokens(text: str) -> list[str]:
    """The tokens of a text, blanks too: together they are the text."""
    return _TOKEN.findall(text)


class Properties(NamedTuple):
    """What is known of a DuckDB text by how it was made. A tuple, because one is made for each part of each expression.

    Args:
        aliases: what of a FROM clause it mentions; never too few.
        tokens: how long it is, its macros expanded.
        characters: how long it is as it is written.
        guarded: it calls `error`, or a function of this package that may stop the run. For DuckDB `error` is volatile, and
            so is what is made of it.
        branches: it has a CASE.
        subquery: there is a query inside.
        moment: it mentions the moment of the run.
    """

    aliases: frozenset[str] = frozenset()
    tokens: int = 1
    characters: int = 0
    guarded: bool = False
    branches: bool = False
    subquery: bool = False
    moment: bool = False

    @property
    def light(self) -> bool:
        """It is so short, also with its macros expanded, that it may be mentioned twice."""
        if self.characters > LONGEST or self.subquery:
            return False
        return (not self.guarded and self.characters < SHORTEST) or self.tokens <= LIGHT

    @property
    def cheap(self) -> bool:
        """A few columns and operators: cheaper to repeat than to bind."""
        return self.characters <= SHORT and not (self.guarded or self.branches or self.subquery or self.moment)


NOTHING = Properties()


@lru_cache(maxsize=10_000)
def leaf(tokens: int, characters: int, *aliases: str) -> Properties:
    """Of a column or a literal."""
    return Properties(frozenset(aliases), tokens, characters)


class Filling(Protocol):
    """What a mark stands for."""

    @property
    def sql(self) -> str:
        """Its text."""

    @property
    def properties(self) -> Properties:
        """What is known of the text."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with marks, read.

    Args:
        pieces: text and marks in turn, text first and last.
        mentions: how often each mark is mentioned once macros are expanded.
        places: which mark is mentioned first, second, ….
        tokens: how long it is, macros expanded, each mention of a mark being one.
        characters: how long it is without its marks.
        evaluated: the marks that are certain to be evaluated in every row; None if all are.
        guarded: see `Properties`.
        branches: likewise.
        moment: likewise.
    """

    pieces: tuple[str, ...]
    mentions: Mapping[str, int]
    places: Mapping[str, int]
    tokens: int
    characters: int
    evaluated: frozenset[str] | None
    guarded: bool
    branches: bool
    moment: bool

    def fill(self, parts: Mapping[str, Filling]) -> str:
        """The text, with those of the parts for the marks."""
        pieces = list(self.pieces)
        pieces[1::2] = [parts[each].sql for each in pieces[1::2]]
        return "".join(pieces)

    def evaluates(self, marks: Collection[str]) -> bool:
        """Are all these evaluated in every row?"""
        return self.evaluated is None or self.evaluated.issuperset(marks)

    def place(self, of: str) -> int:
        """Where a mark stands among the others; -1 if nowhere."""
        return self.places.get(of, -1)

    def properties(self, parts: Mapping[str, Filling]) -> Properties:
        """Of the filled text."""
        aliases, tokens, characters = NOTHING.aliases, self.tokens, self.characters
        guarded, branches, subquery, moment = self.guarded, self.branches, False, self.moment
        for each, times in self.mentions.items():
            part = parts[each].properties
            aliases = aliases | part.aliases
            tokens += times * (part.tokens - 1)
            guarded, branches = guarded or part.guarded, branches or part.branches
            subquery, moment = subquery or part.subquery, moment or part.moment
        for each in self.pieces[1::2]:
            characters += parts[each].properties.characters
        return Properties(aliases, tokens, characters, guarded, branches, subquery, moment)


@lru_cache(maxsize=10_000)
def parse(text: str) -> Template:
    """Read a template. Its macros must be defined."""
    pieces = tuple(split_at_marks(text))
    places = {each: i for i, each in reversed(list(enumerate(pieces[1::2])))}
    words = [token for token in tokens(text) if not token.isspace()]
    measure = _Reader(words).until()[0]
    calls = [word for word, after in itertools.pairwise(words) if after == "("]
    return Template(
        pieces,
        measure.mentions,
        places,
        measure.tokens,
        sum(map(len, pieces[::2])),
        _evaluated(words, calls),
        any(call == "error" or call.startswith(OURS) for call in calls),
        "CASE" in words,
        MOMENT in words,
    )


def _evaluated(words: list[str], calls: list[str]) -> frozenset[str] | None:
    """What stands first in a CASE is evaluated in every row."""
    if not all(MACROS.eager(call) for call in calls):
        return frozenset()
    if _LAZY.isdisjoint(words):
        return None
    at = next((i for i, word in enumerate(words) if word != "("), 0)
    if words[at : at + 2] != ["CASE", "WHEN"]:
        return frozenset()
    first = words[at + 2 :]
    first = first[: next((i for i, word in enumerate(first) if word in _ENDS_OF_FIRST), 0)]
    return frozenset(word for word in first if word[0] == "\0") if _LAZY.isdisjoint(first) else frozenset()


# ---------------------------------------------------------------------------------------------- macros


class Macros:
    """The macros that templates call, by name. Each is read when it is first called."""

    def __init__(self) -> None:
        self._heads: dict[str, tuple[tuple[str, ...], str]] = {}
        self._read: dict[str, tuple[tuple[int, ...], int, bool]] = {}

    def define(self, macros: Mapping[str, str]) -> None:
        """Add macros.

        Args:
            macros: bodies by heads, `bp_x(a, b)`.
        """
        self._heads |= {name_of(head): (_parameters(head), body) for head, body in macros.items()}
        self._read.clear()
        parse.cache_clear()

    def call(self, name: str) -> tuple[tuple[int, ...], int]:
        """How often a macro mentions each parameter, and how long it is; nothing of what is no macro."""
        if name not in self._heads:
            return BUILT_IN.get(name, ()), 0
        return self._macro(name)[:2]

    def eager(self, name: str) -> bool:
        """Does a call evaluate its arguments in every row? What is no macro does."""
        return name not in self._heads or self._macro(name)[2]

    def _macro(self, name: str) -> tuple[tuple[int, ...], int, bool]:
        if name not in self._read:
            parameters, body = self._heads[name]
            marks = {parameter: mark(place) for place, parameter in enumerate(parameters)}
            template = parse("".join(marks.get(token, token) for token in tokens(body)))
            times = tuple(template.mentions.get(each, 0) for each in marks.values())
            self._read[name] = times, template.tokens, template.evaluates(template.mentions)
        return self._read[name]


MACROS = Macros()


def name_of(head: str) -> str:
    """The name of a macro: `bp_x` of `bp_x(a, b)`."""
    return head.partition("(")[0]


def _parameters(head: str) -> tuple[str, ...]:
    listed = head.partition("(")[2].rstrip(")").split(",")
    return tuple(name.strip() for name in listed if name.strip())


# --------------------------------------------------------------------------------------------- reading


@dataclass(slots=True)
class _Measure:
    """How often a text mentions each mark, and how many tokens it has, its macros expanded."""

    mentions: Counter[str] = field(default_factory=Counter)
    tokens: int = 0

    def add(self, part: _Measure, times: int = 1) -> None:
        """Let a part that stands there so many times count."""
        for name, count in part.mentions.items():
            self.mentions[name] += count * times
        self.tokens += part.tokens * times


class _Reader:
    """Reads a text once, from left to right."""

    def __init__(self, words: list[str]) -> None:
        self._words: Iterator[str] = iter(words)

    def until(self, *ends: str) -> tuple[_Measure, str]:
        """What comes before one of these tokens, and which; all of the rest if none comes."""
        measure, last = _Measure(), ""
        for word in self._words:
            if word in ends:
                return measure, word
            measure.tokens += 1
            if word == "(":
                measure.add(self._arguments(last))
            elif word == "CASE":
                measure.add(self._case())
            elif word == "BETWEEN":
                measure.add(_Measure(measure.mentions.copy(), measure.tokens))  # two comparisons of what is before it
            elif word[0] == "\0":
                measure.mentions[word] += 1
            last = word
        return measure, ""

    def _arguments(self, function: str) -> _Measure:
        times, own = MACROS.call(function)
        measure, place, end = _Measure(tokens=own), 0, ","
        while end == ",":
            part, end = self.until(",", ")")
            measure.add(part, times[place] if place < len(times) else 1)
            place += 1
        return measure

    def _case(self) -> _Measure:
        """DuckDB compares the operand of `CASE x WHEN …` anew at each WHEN."""
        operand, end = self.until("WHEN")
        measure, whens = _Measure(), 0
        while end == "WHEN":
            part, end = self.until("WHEN", "END")
            measure.add(part)
            whens += 1
        measure.add(operand, whens)
        return measure
