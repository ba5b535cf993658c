"""No regular expression over a person's text may look at a character again and again: its steps grow as the text does.

Steps are counted by a matcher of our own (`steps`), which is compared with `re` itself first.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import bigpato_magic
from tests.googlesql.steps import Matcher, Sampler, TooManyError

# Where a person's text, or a message that quotes it, is read; `sql.rules` and `sql.udfs` read values and formats.
WHERE = ("googlesql", "notebook", "traits", "warehouse")
# Patterns that are only matched at one place (`match`, `fullmatch`); all others are searched for.
MATCHED = {
    "notebook.complete._CELL",
    "notebook.complete._LINE",
    "notebook.complete._TABLE_LINE",
    "notebook.scope._WORD",
    "notebook.settings._STATEMENT",
    "notebook.tabular._NUMBER",
    "notebook.magic_line._DESTINATION",
    "notebook.magic_line._STARTS_SQL",
    "notebook.magic_line._WORD",
    "traits._QUANTITY",
    "warehouse.schema._TYPE",
}
HARD = (" ", "a", "0", '"', "'", "\\", "`", "(", "-", "/*", "*/", "/**/", '\\"', "a.", "a ", "--", "-- a\n", "\r\n")
ENDS = ("", "!", "\n~", "\\")


def patterns() -> dict[str, re.Pattern[str]]:
    """Every pattern of these modules, by module and name."""
    found = {}
    for module in pkgutil.walk_packages(bigpato_magic.__path__, "bigpato_magic."):
        short = module.name.removeprefix("bigpato_magic.")
        if short.split(".")[0] in WHERE and not short.endswith("__main__"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                    found[f"{short}.{name}"] = value
    return found


PATTERNS = patterns()


@pytest.mark.parametrize("name", PATTERNS)
def test_steps_grow_as_the_text_does(name):
    pattern = PATTERNS[name]
    sampler = Sampler(pattern)
    pumps = sorted({*HARD, *sampler.pumps(3)})[:40]
    for before in ("", sampler.whole()):
        for pump in pumps:
            for end in ENDS:
                few, more, most = (steps(name, before + pump * times + end) for times in (16, 32, 64))
                grows = (most - more) / max(more - few, 1)
                assert most < 3000 or grows < 2.6, f"{grows:.1f} times for {before!r} + {pump!r} * n + {end!r}"


def steps(name: str, text: str) -> int:
    """How many a pattern takes, as it is used."""
    matcher = Matcher(PATTERNS[name], text)
    try:
        next(matcher.ends(0), None) if name in MATCHED else matcher.search()
    except TooManyError:
        pytest.fail(f"no end for {text!r}")
    return matcher.steps


@pytest.mark.parametrize("name", PATTERNS)
def test_the_matcher_finds_what_re_finds(name):
    pattern = PATTERNS[name]
    sampler = Sampler(pattern)
    for text in [sampler.whole() for _ in range(20)] + [a + b for a in HARD for b in HARD]:
        end = next(Matcher(pattern, text).ends(0), None)
        match = pattern.match(text)
        assert end == (match and match.end()), text


def test_the_matcher_counts_what_explodes():
    old = re.compile(r"(\s|\(|--[^\n]*\n|#[^\n]*\n|/\*.*?\*/)*(SELECT|WITH|FROM)\b", re.IGNORECASE | re.DOTALL)
    few, more = (Matcher(old, "/* a */\n" * times + "INSERT") for times in (5, 8))
    few.search()
    more.search()
    assert more.steps > 6 * few.steps


def test_all_patterns_of_these_modules_have_names():
    """One that is written where it is used would not be seen here; a few that cannot be slow are."""
    root = Path(bigpato_magic.__file__).parent
    unnamed = set()
    for path in [root / "traits.py", *(p for where in WHERE for p in (root / where).rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.") and node.col_offset:
                function = ast.unparse(node.func)
                if function not in ("re.compile", "re.escape"):
                    unnamed.add((path.name, ast.unparse(node.args[0])))
    assert unnamed <= {
        ("saved.py", "'[^\\\\W\\\\d]\\\\w*'"),
        ("magic_line.py", "'--?[\\\\w-]+'"),
        ("parameters.py", "'\\\\s'"),
    }
