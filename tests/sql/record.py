"""Let Google's reference implementation answer the cases; see `recorded`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from bigpato_magic.errors import QueryError
from bigpato_magic.googlesql.evaluation import WorkLimits, evaluate
from tests.faithfulness.engine import ready
from tests.sql import recorded


def answer(sql: str) -> dict[str, Any]:
    try:
        return recorded.as_json(evaluate(sql, limits=WorkLimits(measured=False)))
    except QueryError:
        return {"error": True}


def record(family: str, *, anew: bool) -> list[str]:
    """Record what is missing; gives the queries whose recorded answer is another."""
    old = recorded.answers(family)
    found = {sql: old[sql] if sql in old and not anew else answer(sql) for sql in recorded.queries(family)}
    differing = [sql for sql in found if sql in old and not recorded.same(old[sql], found[sql])]
    if not differing:
        recorded.save(family, found)
    return differing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="compute all anew")
    anew = parser.parse_args().all
    ready()
    differing = [sql for family in recorded.families() for sql in record(family, anew=anew)]
    for sql in differing:
        sys.stdout.write(f"another answer than recorded: {sql}\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
