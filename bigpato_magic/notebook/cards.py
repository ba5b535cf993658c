"""What the companions of `%%bpsql` show: a plan, an explanation, the state of things; as text and as HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from bigpato_magic.errors import BigPatoError, QueryError
from bigpato_magic.notebook import tabular
from bigpato_magic.notebook.footnote import (
    asked_of,
    clock,
    code_html,
    count_of,
    details_html,
    fragment_words,
    items_html,
    parts_of,
    text_html,
)
from bigpato_magic.notebook.layout import laid_out
from bigpato_magic.notebook.view import NOTHING_TO_DO, demoted, label
from bigpato_magic.traits import format_money, format_size
from bigpato_magic.types import (
    Decision,
    Freshness,
    Plan,
    Promotion,
    Refresh,
    RunHybrid,
    RunInEvaluator,
    RunLocal,
    RunOnBigQuery,
    RunRead,
    RunSplit,
    TableCopy,
)

if TYPE_CHECKING:
    from bigpato_magic.explain import ExplainedTable, Explanation
    from bigpato_magic.overview import KeptRow, TableRow
    from bigpato_magic.suite import FamilyReport, SuiteReport
    from bigpato_magic.tier.files.store import Finding
    from bigpato_magic.verification import Verification


@dataclass(frozen=True, slots=True)
class Card:
    """Something to look at: text for terminals, HTML for front ends."""

    text: str
    html: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return tabular.literal(self.html)


def lines_card(lines: Sequence[str]) -> Card:
    """A card of plain lines."""
    return Card("\n".join(lines), "".join(f"<div>{escape(line)}</div>" for line in lines))


def table_card(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], after: str = "") -> Card:
    """A card of a title and a table."""
    parts = [title, *tabular.as_lines(header, rows), *([after] if after else [])]
    tail = "".join(f"<div>{escape(line)}</div>" for line in after.splitlines())
    return Card("\n".join(parts), f"<div>{escape(title)}</div>{tabular.as_html(header, rows)}{tail}")


def stacked(several: Sequence[Card]) -> Card:
    """Cards below each other."""
    return Card("\n\n".join(card.text for card in several), "".join(card.html for card in several))


# ------------------------------------------------------------------------------------ explanations


def price_card(explanation: Explanation) -> Card:
    """Both routes' price, before anything runs."""
    lines = [f"BigQuery: {_bigquery_price(explanation)}", f"local: {_local_price(explanation)}"]
    more = {"Storage Read": explanation.reading, "hybrid": explanation.parts}
    lines += [f"{way}: {words}" for way, words in more.items() if words]
    return lines_card([*lines, *([_ASKS_FIRST] if explanation.asks_first else [])])


_ASKS_FIRST = "That is more than BigPato.ask_above: it would stop before it runs; --yes runs it."


def explanation_card(explanation: Explanation) -> Card:
    """Where a query would run, why, over which tables, and what would make it local."""
    if explanation.error is not None and explanation.fails:
        return _failing_card(explanation, explanation.error)
    past = f", as of {clock(explanation.as_of)}" if explanation.as_of else ""
    headline = f"It would {_place(explanation)}{past}."
    header = ("Table", "Where", "Size", "Freshness", "Why not")
    rows = [_table_row(table) for table in explanation.tables]
    reasons = explanation.reasons
    price = price_card(explanation)
    text = [headline, *(f"  - {r.message} [{r.code}]" for r in reasons), *tabular.as_lines(header, rows), price.text]
    html = [f"<div><b>{escape(headline)}</b></div>", items_html(reasons), tabular.as_html(header, rows)]
    html.append(price.html)
    for title, sql in _texts(explanation):
        text += [f"{title}:", sql]
        html.append(details_html(escape(title), code_html(sql)))
    return Card("\n".join(text), "".join(html))


def _failing_card(explanation: Explanation, error: BigPatoError) -> Card:
    """That it would fail, where, and what to do; over which tables."""
    place = ""
    if isinstance(error, QueryError) and error.line is not None:
        place = f" at line {error.line}, column {error.column or 1}"
    first, *more = error.message.splitlines() or [""]
    headline = f"It would fail{place}: {first}"
    excerpt, way_out = [*more, *error.excerpt()], error.way_out()
    header = ("Table", "Where", "Size", "Freshness", "Why not")
    rows = [(*row[:-1], "" if row[-1] == error.message else row[-1]) for row in map(_table_row, explanation.tables)]
    text = [headline, *excerpt, *way_out, *tabular.as_lines(header, rows)]
    html = [f"<div><b>{escape(headline)}</b></div>", text_html("\n".join(excerpt))]
    html += [f"<div>{escape(line.strip())}</div>" for line in way_out]
    return Card("\n".join(text), "".join([*html, tabular.as_html(header, rows)]))


_WOULD_RUN = "DuckDB SQL that would run if the tables were here"


def _texts(explanation: Explanation) -> list[tuple[str, str]]:
    """What runs here; on BigQuery, the DuckDB SQL that would run if the tables were here; of a look, what is read."""
    decision, sql = explanation.decision, explanation.duckdb_sql
    if isinstance(decision, RunRead):
        return parts_of(decision)
    return parts_of(decision) or ([(_WOULD_RUN, laid_out(sql))] if sql else [])


def _place(explanation: Explanation) -> str:
    decision = explanation.decision
    if isinstance(decision, RunLocal) and decision.kept:
        here = "be read from" if decision.where == "kept" else "run locally, in DuckDB, with"
        return f"{here} {kept_words(decision.kept)}"
    return f"run {_engine(decision)}"


def _engine(decision: Decision) -> str:
    if isinstance(decision, RunLocal):
        return "locally, in DuckDB"
    if isinstance(decision, RunSplit):
        return "locally, begun by DuckDB and finished by Google's evaluator"
    if isinstance(decision, RunRead):
        return "without a query job: its rows are read from the table by Storage Read"
    if isinstance(decision, RunHybrid):
        return f"as a hybrid: {fragment_words(decision.fragments)} from BigQuery, the rest locally, in DuckDB"
    return "locally, in Google's evaluator" if isinstance(decision, RunInEvaluator) else "on BigQuery"


def kept_words(kept: Sequence[TableCopy]) -> str:
    """Which answers of BigQuery stand in for it: of when, over which tables."""
    tables = ", ".join(dict.fromkeys(basis.table.table for copy in kept for basis in copy.bases))
    what = "a kept answer" if len(kept) == 1 else f"{len(kept)} kept answers"
    return f"{what} of BigQuery: of {clock(asked_of(kept))}, over {tables}"


def _bigquery_price(explanation: Explanation) -> str:
    if explanation.bytes_bigquery is None:
        return f"not known: {explanation.error.message if explanation.error else 'no dry run could be made'}"
    size, price = format_size(explanation.bytes_bigquery), format_money(explanation.price)
    # https://cloud.google.com/bigquery/docs/querying-wildcard-tables#limitations
    again = any(table.id.is_wildcard for table in explanation.tables)
    cached = "each time: its cache never has such an answer" if again else "nothing where its cache has the answer"
    return f"{size} would be billed at most (≈ {price}), {cached}"


def _local_price(explanation: Explanation) -> str:
    if not isinstance(explanation.decision, RunOnBigQuery | RunRead | RunHybrid):
        return "nothing is billed"
    return explanation.remedy or "not possible"


def _table_row(table: ExplainedTable) -> tuple[str, ...]:
    size = "" if table.bytes is None else format_size(table.bytes)
    fresh = "" if table.where == "bigquery" else fresh_as_of(table.freshness, table.as_of)
    return str(table.id), table.where, size, fresh, table.reason.message if table.reason else ""


# ------------------------------------------------------------------------------------------- plans


def plan_card(plan: Plan, *, done: bool, nothing: str = NOTHING_TO_DO, project: str | None = None) -> Card:
    """What a rebalance would do, or did.

    Args:
        plan: as it was made, or carried out.
        done: which of the two.
        nothing: what is said where there is nothing to do.
        project: whose tables are shown without it.
    """
    rows = [*_moves("promote", plan.promote, project), *_moves("refresh", plan.refresh, project)]
    rows += [("demote", label(d.copy.table, project), format_size(d.copy.bytes), "", d.reason) for d in plan.demote]
    stays = "not done" if done else "stays"
    rows += [(stays, label(r.table, project), "", "", r.reason.message) for r in plan.refused]
    return table_card(_plan_title(plan, done=done, nothing=nothing), ("Step", "Table", "Bytes", "Price", "Why"), rows)


def _plan_title(plan: Plan, *, done: bool, nothing: str) -> str:
    if not plan:
        return _nothing(plan, done=done) if plan.refused else nothing
    words = (("promoted", "to promote"), ("refreshed", "to refresh"), ("demoted", "to demote"))
    counts = (len(plan.promote), len(plan.refresh), demoted(plan))
    return ", ".join(f"{n} {pair[not done]}" for n, pair in zip(counts, words, strict=True) if n) + "."


def _were(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _nothing(plan: Plan, *, done: bool) -> str:
    """A missing table is one thing, what may not or could not be done another."""
    missing = [r.table.table for r in plan.refused if r.reason.code == "missing"]
    if len(missing) == len(plan.refused):
        return f"Nothing {'was' if done else 'would be'} moved: {', '.join(missing)} {_were(missing)} not found."
    return f"Nothing {'was' if done else 'would be'} moved. Beside each table is the reason."


def _moves(step: str, moves: Iterable[Promotion | Refresh], project: str | None) -> list[tuple[str, ...]]:
    return [(step, label(m.facts.id, project), format_size(m.bytes), format_money(m.price), m.reason) for m in moves]


# ------------------------------------------------------------------------------------------ status


def status_card(rows: Sequence[TableRow], facts: Sequence[tuple[str, str]]) -> Card:
    """The tables that are used or here, and the state of the parts."""
    header = ("Table", "Where", "Uses", "On disk", "Freshness", "Not billed", "Held")
    cells = [_status_row(row) for row in rows]
    local = sum(row.where == "local" for row in rows)
    title = f"{local} of {len(rows)} used tables are local. " + " · ".join(f"{name}: {value}" for name, value in facts)
    return table_card(title, header, cells)


KEPT_SHOWN = 20
"""Kept answers that a card lists."""

_WAY_TO_FORGET = "%bp_forget --all takes {} away, %bp_forget dataset.table those over a table."


def kept_card(rows: Sequence[KeptRow]) -> Card:
    """The kept answers, and how they are taken away."""
    if not rows:
        return lines_card(["No answer of BigQuery is kept here."])
    size = format_size(sum(row.local_bytes for row in rows))
    title = f"{count_of(len(rows), 'kept answer')}, {size} on disk. {_WAY_TO_FORGET.format('it' if len(rows) == 1 else 'them')}"
    header = ("Asked", "Tables", "Rows", "On disk", "Uses", "Freshness", "Not billed")
    more = f"… and {len(rows) - KEPT_SHOWN} more" if len(rows) > KEPT_SHOWN else ""
    return table_card(title, header, [_kept_cells(row) for row in rows[:KEPT_SHOWN]], more)


def _kept_cells(row: KeptRow) -> tuple[str, ...]:
    unchecked = row.freshness is Freshness.UNKNOWN
    return (
        row.query if len(row.query) <= _ASKED else f"{row.query[: _ASKED - 1]}…",
        ", ".join(table.table for table in row.tables),
        f"{row.rows:,}",
        format_size(row.local_bytes),
        str(row.uses),
        f"unchecked since {clock(row.fresh_as_of or row.answered)}"
        if unchecked
        else fresh_as_of(row.freshness, row.fresh_as_of),
        format_size(row.not_billed_bytes) if row.not_billed_bytes else "",
    )


_ASKED = 60


def verdict_card(verdict: Verification) -> Card:
    """What running a query again on BigQuery showed."""
    lines = [f"{verdict.outcome}: {verdict.detail}", f"{format_size(verdict.bytes_billed)} billed for it"]
    if verdict.case:
        lines.append(f"The case is kept in {verdict.case}")
    return lines_card(lines)


_SUITE_HEADER = ("Family", "Questions", "Equal", "Different", "Open there", "Left to BigQuery", "Not asked")


def suite_card(report: SuiteReport) -> Card:
    """What BigQuery said to the questions of the suite."""
    asked = sum(family.equal + family.different + family.undecided for family in report.families)
    equal = sum(family.equal for family in report.families)
    billed = format_size(report.bytes_billed)
    title = f"{equal:,} of {asked:,} answers are BigQuery's own: {count_of(report.jobs, 'job')}, {billed} billed."
    after = [f"Stopped: {report.stopped}."] if report.stopped else []
    after += [f"Different: {sentence}" for sentence in report.differences]
    after += [f"The case is kept in {path}" for path in report.cases]
    if report.differences:
        after.append("Their rules are not used on this machine any more: such queries go to BigQuery.")
    return table_card(title, _SUITE_HEADER, [_suite_row(family) for family in report.families], "\n".join(after))


def _suite_row(family: FamilyReport) -> tuple[str, ...]:
    counts = family.questions, family.equal, family.different, family.undecided, family.left, family.open
    return family.family, *(f"{count:,}" if count else "" for count in counts)


def files_card(findings: Sequence[Finding]) -> Card:
    """What a check of the copies' files showed."""
    if not findings:
        return lines_card(["Every file is what it was when it was copied."])
    rows = [(str(damage.copy.table) if damage.copy else "", damage.path.name, damage.message) for damage in findings]
    return table_card("Damaged copies were taken away:", ("Table", "File", "What is wrong"), rows)


_UP_TO = {Freshness.FRESH: " as of", Freshness.STALE: ", last seen fresh at", Freshness.UNKNOWN: " since"}


def fresh_as_of(freshness: Freshness, instant: datetime | None) -> str:
    """What is known of a copy, and up to which instant: a card is read again on another day."""
    if instant is None:
        return freshness.value
    return f"{freshness.value}{_UP_TO[freshness]} {clock(instant)}"


def _status_row(row: TableRow) -> tuple[str, ...]:
    local = row.where == "local"
    fresh = fresh_as_of(row.freshness, row.fresh_as_of)
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
