"""LIKE of BYTES, against its definition; and its steps grow as the text does."""

from __future__ import annotations

import itertools
import re

import pytest

from bigpato_magic.sql.udfs.strings import _like, like
from tests.googlesql.steps import Matcher


def fits(text: bytes, pattern: bytes) -> bool:
    """What LIKE means: `%` is any number of bytes, `_` is one."""
    if not pattern:
        return not text
    if pattern[:1] == b"%":
        return any(fits(text[at:], pattern[1:]) for at in range(len(text) + 1))
    return bool(text) and pattern[:1] in (b"_", text[:1]) and fits(text[1:], pattern[1:])


def test_like_is_what_it_means():
    texts = [bytes(t) for length in range(5) for t in itertools.product(b"ab", repeat=length)]
    for length in range(5):
        for letters in itertools.product(b"ab%_", repeat=length):
            pattern = bytes(letters)
            for text in texts:
                assert like(text, pattern) is fits(text, pattern), (text, pattern)


@pytest.mark.parametrize("pattern", [b"%a%a%a%a%a%c", b"%a_a%_a%b", b"a%a%a%a%", b"%_%_%_%_c"])
def test_steps_of_like_grow_as_the_text_does(pattern):
    expression = re.compile(_like(pattern).pattern.decode(), re.DOTALL)
    steps = []
    for times in (32, 64, 128):
        matcher = Matcher(expression, "a" * times)
        assert not any(end == times for end in matcher.ends(0)) or pattern == b"a%a%a%a%"
        steps.append(matcher.steps)
    assert steps[2] - steps[1] < 2.6 * (steps[1] - steps[0])
