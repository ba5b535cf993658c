"""The cases of the rules: the package's own suite of questions; Google's reference's answers in `cases/*.jsonl`.

python -m tests.sql.record         adds the answers of new queries
python -m tests.sql.record --all   computes all anew, and fails if one differs from what was recorded
"""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from bigpato_magic import suite

CASES = Path(__file__).parent / "cases"


def families() -> list[str]:
    return list(suite.families())


def queries(family: str) -> list[str]:
    return [question.sql for question in suite.questions(family)]


def _lines(path: Path) -> list[str]:
    """`splitlines` would end a line at U+2028 too, which a text may have."""
    return [line for line in path.read_text().split("\n") if line]


def answers(family: str) -> dict[str, Any]:
    """By query: `{"schema": …, "rows": …}`, or `{"error": true}`."""
    path = CASES / f"{family}.jsonl"
    if not path.exists():
        return {}
    entries = [json.loads(line) for line in _lines(path)]
    return {entry.pop("sql"): entry for entry in entries}


def save(family: str, found: dict[str, Any]) -> None:
    lines = [json.dumps({"sql": sql, **found[sql]}, ensure_ascii=False) for sql in queries(family)]
    (CASES / f"{family}.jsonl").write_text("\n".join(lines) + "\n")


def as_json(table: Any) -> dict[str, Any]:
    """An Arrow table as JSON; FLOAT64, DECIMAL, dates and bytes as text."""
    schema = [[field.name, str(field.type)] for field in table.schema]
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return {"schema": schema, "rows": [[plain(value) for value in row] for row in rows]}


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, Decimal):
        return {"decimal": format(value, "f")}
    if isinstance(value, (date, datetime, time)):
        return {type(value).__name__: value.isoformat()}
    return value


def same(one: Any, other: Any) -> bool:
    """Two answers of `as_json`; FLOAT64 to 1e-12, rows in any order."""
    if "rows" not in one or "rows" not in other:
        return one.keys() == other.keys()
    left = list(other["rows"])
    for row in one["rows"]:
        at = next((i for i, candidate in enumerate(left) if close(row, candidate)), None)
        if at is None:
            return False
        del left[at]
    return not left and one["schema"] == other["schema"]


def close(a: Any, b: Any) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        if a.keys() == {"float"}:
            x, y = float(a["float"]), float(b["float"])
            return a == b or (x != 0 and abs(x - y) <= 1e-12 * max(abs(x), abs(y)) < float("inf"))
        return all(close(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b
