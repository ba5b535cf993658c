"""What the grid tries of a rule, where the function itself over the edge values of its types is not enough.

`PATTERNS` are expressions over a, b, … by the rule's id; `VALUES` are GoogleSQL texts to put there, by the rule's id and the
letter. A rule that is in neither is tried as `name(a, b)`.
"""

from __future__ import annotations

from collections.abc import Mapping

from bigpato_magic.sql.rules.base import Rule
from tests.faithfulness import tried_dates, tried_json, tried_numbers, tried_texts

FAMILIES = (tried_dates, tried_json, tried_numbers, tried_texts)
PATTERNS: dict[str, tuple[str, ...]] = {rule: tried for f in FAMILIES for rule, tried in f.PATTERNS.items()}
VALUES: dict[str, Mapping[str, tuple[str, ...]]] = {rule: tried for f in FAMILIES for rule, tried in f.VALUES.items()}


def patterns_of(rule: Rule) -> tuple[str, ...]:
    """The expressions to try; none where its own name will do."""
    return PATTERNS.get(rule.id, ())


def values_of(rule: Rule) -> Mapping[str, tuple[str, ...]]:
    """By argument letter: texts to try instead of the type's edge values."""
    return VALUES.get(rule.id, {})
