"""The words and signs of a text that is not yet a query, with the brackets around each. Pure text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"`[^`\n]*`?|@?[A-Za-z_]\w*|\d\w*|\S")
_CLOSERS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a sign, where it begins, its number, and in which brackets (their numbers, outermost first)."""

    text: str
    start: int
    number: int
    inside: tuple[int, ...] = ()

    @property
    def upper(self) -> str:
        """In capitals, for comparison with keywords."""
        return self.text.upper()

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


def tokens_of(blank: str) -> list[Token]:
    """The tokens of a text without strings and comments, with the brackets around each."""
    tokens: list[Token] = []
    open_: list[tuple[str, int]] = []
    for number, match in enumerate(_TOKEN.finditer(blank)):
        text = match[0]
        if text in _CLOSERS:
            while open_ and open_.pop()[0] != _CLOSERS[text]:
                pass
        tokens.append(Token(text, match.start(), number, tuple(n for _, n in open_)))
        if text in "([{":
            open_.append((text, number))
    return tokens


def closing(tokens: Sequence[Token], opening: Token) -> Token | None:
    """The bracket that closes one, None where none does."""
    later = tokens[opening.number + 1 :]
    return next((token for token in later if token.inside == opening.inside and token.text in _CLOSERS), None)
