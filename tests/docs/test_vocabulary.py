"""One word for each idea: words that gave way to better ones are gone, and no name stands for two things."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RETIRED = {
    r"worths?\.Worth|\bWorth\b": "AbstractValue",
    r"\b(Rising|Anything)\(": "Monotone, Unknown",
    r"\bDomain\(|domains\.py": "IntervalSet",
    r"\b(undefer|deferred\.py)\b": "side_effects",
    r"\bEffort\b|\beffort\b": "cost, CostBound",
    r"\bHalves\(|\bhalves(\(|\.py)|import halves": "a split: the lower part, the upper part",
    r"\b(RunWithFinish|prepare_finish|finish_sql|finishing\.py)\b": "RunSplit, prepare_upper, upper_sql",
    r"\bRunOnReference\b|rows are too many for the reference": "RunInEvaluator, Google's evaluator",
    r"\breference_rows\b|bigpato_below": "evaluator_rows, bigpato_lower",
    r"pushdown import reads|tier\.reads\(|def reads\(\s*$": "partition_domains",
    r"\bgreet\(": "first_question",
    r"\b(Eager|Quiet)\(": "EvaluationOrder, NullOnError",
    r"\b(Understood|Understanding\()": "QueryPlan, QueryPlanner",
    r"\bSituation\b": "PlanInputs",
    r"\bRemembered\b": "LruCache",
    r"\b(what_to_hold|drafting|Bringer|Brought|Deed)\b": "choose_extent, PlanBuilder, Loader, LoadedPart",
    r"\b(ForQueries|Wishes|WithWishes|TransferRecord)\b|\b(pinned|excluded)_tables\b": "QueryAccess, Preferences",
    r"\b(keep_case|bringer)\b|local[./]plans\b": "mismatch report, loader, local.prepared",
    r"notebook[./](late|words|tables)\b": "lazy_magics, magic_line, tabular",
    r"(?<!google/)googlesql[./](tree|values|pruning|cutting|evaluable|vocabulary|chain)\b": "resolved",
    r"sql[./](read|reads|conditions|folding|foldable|domains|worths|halves)\b": "googlesql.lexer, pruning, sql.lower_part",
    r"tier[./](books|wishes|marks|hold|room|bring|opened|planning|facade)\b": "tier's five rooms",
}
"""Patterns of what must not come back, and what is said instead."""
KINDS = ("*.py", "*.js", "*.css", "*.ts", "*.md", "*.toml")
FOLDERS = ("bigpato_magic", "tests", "benchmarks", "docs", "notebooks")


def texts() -> list[Path]:
    inside = (path for folder in FOLDERS for kind in KINDS for path in (ROOT / folder).rglob(kind))
    own = {Path(__file__), ROOT / "CHANGELOG.md"}
    return sorted({*inside, *ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "dev.py"} - own)


TEXTS = {path: path.read_text() for path in texts() if "fixtures" not in path.parts}
PACKAGE = {path: text for path, text in TEXTS.items() if path.is_relative_to(ROOT / "bigpato_magic")}


@pytest.mark.parametrize("pattern", RETIRED)
def test_a_retired_word_is_gone(pattern):
    still = [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in TEXTS.items()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert still == [], f"say {RETIRED[pattern]}"


def test_a_pattern_finds_what_it_is_for():
    for word in ("worths.Worth", "from bigpato_magic.sql.halves import halves", "tier/books.py", "RunOnReference"):
        assert any(re.search(pattern, word) for pattern in RETIRED)


# Names that say nothing: what was looked for has a noun of its own. Where it still stands, that is known.
FOUND_STILL_IN = ("sql/udfs/",)


def test_no_name_is_only_what_was_found():
    package = ROOT / "bigpato_magic"
    names = {
        path.relative_to(package).as_posix(): {
            getattr(node, field, None) for node in ast.walk(ast.parse(text)) for field in ("id", "attr", "arg", "name")
        }
        for path, text in PACKAGE.items()
        if path.suffix == ".py"
    }
    nameless = [path for path, known in names.items() if known & {"found", "_found"}]
    assert [path for path in nameless if not path.startswith(FOUND_STILL_IN)] == []


def test_no_two_classes_have_one_name():
    classes = Counter(
        node.name
        for path, text in PACKAGE.items()
        if path.suffix == ".py"
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, times in classes.items() if times > 1] == []


def test_every_folder_of_the_package_is_on_the_map():
    chart = TEXTS[ROOT / "ARCHITECTURE.md"]
    folders = {path.relative_to(ROOT / "bigpato_magic").parent for path in PACKAGE if path.suffix == ".py"}
    missing = [folder for folder in folders if folder.parts and f"`{folder.name}" not in chart]
    assert missing == []


def test_every_module_at_the_top_is_on_the_map():
    chart = TEXTS[ROOT / "ARCHITECTURE.md"]
    tops = [path.stem for path in PACKAGE if path.parent == ROOT / "bigpato_magic" and path.suffix == ".py"]
    assert [name for name in tops if name != "__init__" and f"`{name}`" not in chart] == []
