"""What the companions of `%%bpsql` show: a plan, an explanation, the state of things; as text and as HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from bigpato_magic.notebook import tables
from bigpato_magic.notebook.footnote import clock, code_html, items_html, parts_of
from bigpato_magic.traits import format_money, format_size
from bigpato_magic.types import Plan, Promotion, Refresh, RunLocal, RunOnBigQuery, RunOnReference, RunWithFinish

if TYPE_CHECKING:
    from bigpato_magic.explain import Explanation, TableState
    from bigpato_magic.overview import TableRow
    from bigpato_magic.tier.ledger import Savings
    from bigpato_magic.tier.store import Finding
    from bigpato_magic.verification import Verdict


@dataclass(frozen=True, slots=True)
class Card:
    """Something to look at: text for terminals, HTML for front ends."""

    text: str
    html: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


def lines_card(lines: Sequence[str]) -> Card:
    """A card of plain lines."""
    return Card("\n".join(lines), "".join(f"<div>{escape(line)}</div>" for line in lines))


def table_card(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], after: str = "") -> Card:
    """A card of a title and a table."""
    parts = [title, *tables.as_lines(header, rows), *([after] if after else [])]
    tail = f"<div>{escape(after)}</div>" if after else ""
    return Card("\n".join(parts), f"<div>{escape(title)}</div>{tables.as_html(header, rows)}{tail}")


def stacked(several: Sequence[Card]) -> Card:
    """Cards below each other."""
    return Card("\n\n".join(card.text for card in several), "".join(card.html for card in several))


# ------------------------------------------------------------------------------------ explanations


def price_card(explanation: Explanation) -> Card:
    """Both routes' price, before anything runs."""
    return lines_card([f"BigQuery: {_bigquery_price(explanation)}", f"local: {_local_price(explanation)}"])


def explanation_card(explanation: Explanation) -> Card:
    """Where a query would run, why, over which tables, and what would make it local."""
    headline = f"It would run {_place(explanation)}."
    header = ("Table", "Where", "Size", "Freshness", "Why not")
    rows = [_table_row(table) for table in explanation.tables]
    reasons = explanation.reasons
    price = price_card(explanation)
    text = [headline, *(f"  - {r.message} [{r.code}]" for r in reasons), *tables.as_lines(header, rows), price.text]
    html = [f"<div><b>{escape(headline)}</b></div>", items_html(reasons), tables.as_html(header, rows)]
    html.append(price.html)
    for title, sql in _texts(explanation):
        text += [f"{title}:", sql]
        html.append(f"<details><summary>{escape(title)}</summary>{code_html(sql)}</details>")
    return Card("\n".join(text), "".join(html))


def _texts(explanation: Explanation) -> list[tuple[str, str]]:
    """What runs here; on BigQuery, the DuckDB SQL that would run if the tables were here."""
    would = [("DuckDB SQL", explanation.duckdb_sql)] if explanation.duckdb_sql else []
    return parts_of(explanation.decision) or would


def _place(explanation: Explanation) -> str:
    if isinstance(explanation.decision, RunLocal):
        return "locally, in DuckDB"
    if isinstance(explanation.decision, RunWithFinish):
        return "locally, begun by DuckDB and finished by Google's evaluator"
    return "locally, in Google's evaluator" if isinstance(explanation.decision, RunOnReference) else "on BigQuery"


def _bigquery_price(explanation: Explanation) -> str:
    if explanation.bytes_bigquery is None:
        return "not known: no dry run could be made"
    return f"{format_size(explanation.bytes_bigquery)} would be billed (≈ {format_money(explanation.price)})"


def _local_price(explanation: Explanation) -> str:
    if not isinstance(explanation.decision, RunOnBigQuery):
        return "nothing is billed"
    return explanation.remedy or "not possible"


def _table_row(table: TableState) -> tuple[str, ...]:
    size = "" if table.bytes is None else format_size(table.bytes)
    fresh = "" if table.where == "bigquery" else table.freshness.value
    return str(table.id), table.where, size, fresh, table.reason.message if table.reason else ""


# ------------------------------------------------------------------------------------------- plans


def plan_card(plan: Plan, *, done: bool) -> Card:
    """What a rebalance would do, or did."""
    rows = [*_moves("promote", plan.promote), *_moves("refresh", plan.refresh)]
    rows += [("demote", str(d.copy.table), format_size(d.copy.bytes), "", d.reason) for d in plan.demote]
    rows += [("stays" if not done else "not done", str(r.table), "", "", r.reason.message) for r in plan.refused]
    return table_card(_plan_title(plan, done=done), ("Step", "Table", "Bytes", "Price", "Why"), rows)


def _plan_title(plan: Plan, *, done: bool) -> str:
    if not plan:
        return "Nothing was moved." if done else "There is nothing to move."
    words = (("promoted", "to promote"), ("refreshed", "to refresh"), ("demoted", "to demote"))
    counts = (len(plan.promote), len(plan.refresh), len(plan.demote))
    return ", ".join(f"{n} {pair[not done]}" for n, pair in zip(counts, words, strict=True) if n) + "."


def _moves(step: str, moves: Iterable[Promotion | Refresh]) -> list[tuple[str, ...]]:
    return [(step, str(m.facts.id), format_size(m.bytes), format_money(m.price), m.reason) for m in moves]


# ------------------------------------------------------------------------------------------ status


def status_card(rows: Sequence[TableRow], facts: Sequence[tuple[str, str]]) -> Card:
    """The tables that are used or here, and the state of the parts."""
    header = ("Table", "Where", "Uses", "On disk", "Freshness", "Not billed", "")
    cells = [_status_row(row) for row in rows]
    local = sum(row.where == "local" for row in rows)
    title = f"{local} of {len(rows)} used tables are local. " + " · ".join(f"{name}: {value}" for name, value in facts)
    return table_card(title, header, cells)


def savings_card(savings: Savings) -> Card:
    """What was billed, what was not, and what bringing tables here cost."""
    rows = (
        ("answered here", str(savings.local), format_size(savings.bytes_saved), format_money(savings.dollars_saved)),
        ("on BigQuery", str(savings.bigquery), format_size(savings.bytes_billed), format_money(savings.dollars_billed)),
        ("transfers", str(savings.transfers), format_size(savings.bytes_moved), format_money(savings.dollars_moved)),
    )
    since = f"Since {clock(savings.since)}" if savings.since else "So far"
    title = f"{since}: {format_money(savings.net)} saved, transfers paid."
    return table_card(title, ("What", "How many", "Bytes", "Dollars"), rows)


def verdict_card(verdict: Verdict) -> Card:
    """What running a query again on BigQuery showed."""
    lines = [f"{verdict.outcome}: {verdict.detail}", f"{format_size(verdict.bytes_billed)} billed for it"]
    if verdict.case:
        lines.append(f"The case is kept in {verdict.case}")
    return lines_card(lines)


def files_card(findings: Sequence[Finding]) -> Card:
    """What a check of the copies' files found."""
    if not findings:
        return lines_card(["Every file is what it was when it was copied."])
    rows = [(str(found.copy.table) if found.copy else "", found.path.name, found.message) for found in findings]
    return table_card("Damaged copies were taken away:", ("Table", "File", "What is wrong"), rows)


def _status_row(row: TableRow) -> tuple[str, ...]:
    local = row.where == "local"
    fresh = row.freshness.value + (f", {clock(row.fresh_as_of)}" if row.fresh_as_of else "")
    marks = " ".join(name for name, on in (("pinned", row.pinned), ("excluded", row.excluded)) if on)
    return (
        str(row.id),
        row.where,
        str(row.uses),
        format_size(row.local_bytes) if local else "",
        fresh if local else "",
        format_size(row.not_billed_bytes) if row.not_billed_bytes else "",
        " · ".join(part for part in (marks, row.held, row.stage, row.reason) if part),
    )
