"""The questions: `cases/<family>.sql`, one a line. A newcomer adds one there."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable


@dataclass(frozen=True, slots=True)
class SuiteQuestion:
    """A query over literals.

    Args:
        family: what it is about, as `casts`.
        sql: GoogleSQL on one line, without a semicolon.
    """

    family: str
    sql: str


def families() -> tuple[str, ...]:
    """The names of all families, sorted."""
    return tuple(sorted(file.name.removesuffix(".sql") for file in _folder().iterdir() if file.name.endswith(".sql")))


def questions(family: str) -> tuple[SuiteQuestion, ...]:
    """All questions of a family, in the file's order.

    Raises:
        FileNotFoundError: there is no such family.
    """
    # `splitlines` would end a line at U+2028 too, which a text may have.
    lines = (_folder() / f"{family}.sql").read_text("utf-8").split("\n")
    texts = (line.strip().removesuffix(";") for line in lines if line.strip() and not line.lstrip().startswith("--"))
    return tuple(SuiteQuestion(family, text) for text in texts)


def _folder() -> Traversable:
    return resources.files("bigpato_magic.suite") / "cases"
