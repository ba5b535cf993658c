"""Make the pages that must not be written by hand: `python docs/generate.py` (--check: fail if one is out of date)."""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "bigpato_magic"
sys.path.insert(0, str(HERE.parent))

from traitlets import HasTraits, Undefined  # noqa: E402

from bigpato_magic import errors  # noqa: E402
from bigpato_magic.decide import REASONS  # noqa: E402
from bigpato_magic.traits import (  # noqa: E402
    Duration,
    Size,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

CONFIGURATION = """# Configuration

In a notebook `%config BigPato.project = "acme"`; in `ipython_config.py` `c.BigPato.project = "acme"`; on the command
line `ipython --BigPato.project=acme`; in a script `BigPato(project="acme")`. Sizes are spelled "10 GiB", durations "5 min".
`%config BigPato` lists them with their present values.
"""
MADE = "<!-- Made by `python docs/generate.py`; do not edit. -->\n\n"


def configurables() -> tuple[type[HasTraits], ...]:
    """Every class that owns a setting, in the order of the page."""
    from bigpato_magic.client import BigPato
    from bigpato_magic.local.duck import LocalEngine
    from bigpato_magic.tier.freshness.settings import FreshnessPolicy
    from bigpato_magic.tier.journal.ledger import Pricing
    from bigpato_magic.tier.keeping.settings import Keep
    from bigpato_magic.tier.tier import Tier

    return BigPato, Tier, FreshnessPolicy, Keep, Pricing, LocalEngine


def configuration() -> str:
    """docs/configuration.md: every trait, from its `help`."""
    parts = [CONFIGURATION]
    for owner in configurables():
        parts += [f"\n## {owner.__name__}\n\n", f"{_first_line(owner)}\n\n", *_table(owner)]
    return "".join(parts)


def _table(owner: type[HasTraits]) -> Iterator[str]:
    yield "| Setting | Default | What it does |\n|---|---|---|\n"
    inherited = {"config", "log", "parent"}
    for name, trait in sorted(owner.class_traits(config=True).items()):
        if name not in inherited:
            yield f"| `{owner.__name__}.{name}` | {_default(trait)} | {trait.help} |\n"


def _default(trait: Any) -> str:
    spelled = _spelled(trait)
    if spelled:
        return f"`{spelled!r}`"
    text = trait.default_value_repr()
    return f"`{text}`" if text not in ("", repr(Undefined)) else ""


def _spelled(trait: Any) -> str:
    """A size or a duration with its unit, where that says all of it."""
    for kind, format_, parse in ((Size, format_size, parse_size), (Duration, format_duration, parse_duration)):
        if isinstance(trait, kind) and trait.default_value:
            text = format_(trait.default_value)
            return text if parse(text) == trait.default_value else ""
    return ""


def reasons() -> str:
    """docs/reasons.md: every reason code and every error."""
    parts = [
        "# Why a query ran on BigQuery, and what errors mean\n\n",
        "The footnote gives the sentence; `%bp_explain` and `QueryResult.decision.reasons` give the code too.\n\n",
        "| Code | Meaning |\n|---|---|\n",
        *(f"| `{code}` | {meaning} |\n" for code, meaning in sorted(REASONS.items())),
        "\n## Errors\n\nAll are `bigpato_magic.errors.BigPatoError`; a cell that raises one fails, and “Run All” stops.\n\n",
        "| Error | Meaning |\n|---|---|\n",
        *(f"| `{cls.__name__}` | {_first_line(cls)} |\n" for cls in _errors()),
    ]
    return "".join(parts)


def _first_line(documented: type) -> str:
    return (inspect.getdoc(documented) or "").splitlines()[0]


def _errors() -> list[type[errors.BigPatoError]]:
    found = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.BigPatoError)]
    return sorted(found, key=lambda c: c.__name__)


def faithfulness() -> str:
    """docs/faithfulness.md: every rule, and every function of BigQuery with its state."""
    from docs.rules_page import page

    return page()


def modules() -> str:
    """docs/modules.md: every module by its folder, with the first sentence of its text."""
    parts = [
        "# Every module, in a sentence\n\n",
        "What the folders are for, and the ways through them: [ARCHITECTURE](../ARCHITECTURE.md).\n",
    ]
    for folder in sorted({path.parent for path in PACKAGE.rglob("*.py")}):
        parts.append(f"\n## {folder.relative_to(PACKAGE.parent).as_posix()}\n\n")
        texts = ((path, ast.get_docstring(ast.parse(path.read_text())) or "") for path in sorted(folder.glob("*.py")))
        parts += [f"- `{path.name}` {text.splitlines()[0]}\n" for path, text in texts if text]
    return "".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": configuration,
    "faithfulness.md": faithfulness,
    "modules.md": modules,
    "reasons.md": reasons,
}


def main() -> int:
    """Write the pages, or only look whether they are as they would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    old = [name for name, page in PAGES.items() if not _write(HERE / name, MADE + page(), check=check)]
    if old:
        print(f"out of date: {', '.join(old)}; run python docs/generate.py")  # noqa: T201
    return 1 if old else 0


def _write(path: Path, text: str, *, check: bool) -> bool:
    if check:
        return path.exists() and path.read_text() == text
    path.write_text(text)
    return True


if __name__ == "__main__":
    sys.exit(main())
