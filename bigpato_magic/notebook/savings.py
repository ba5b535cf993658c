"""What `%bp_savings` shows: what was billed and what was not; or, of slots, what was used and what was not.

Pure: sums of the ledger in, a card out.
"""

from __future__ import annotations

from bigpato_magic.notebook.cards import Card, table_card
from bigpato_magic.notebook.footnote import clock
from bigpato_magic.tier.journal.savings import Savings
from bigpato_magic.tier.policy.score import Objective
from bigpato_magic.traits import format_duration, format_money, format_size, format_slots

Row = list[str]

_TOOK = "Answers took: from the text to its rows. Making a frame of them, and a kernel's first imports, come on top."


def savings_card(savings: Savings, objective: Objective = Objective.MONEY) -> Card:
    """Queries here and on BigQuery, and transfers: in bytes and dollars, or in slots where time is the objective."""
    since = f"Since {clock(savings.since)}" if savings.since else "So far"
    if objective is Objective.TIME:
        title = f"{since}: {savings.spared or _answered(savings)}."
        return table_card(title, ("What", "How many", "Slots", "Answers took"), _in_slots(savings), _TOOK)
    title = f"{since}: {format_money(savings.net)} saved, after what transfers cost."
    return table_card(title, ("What", "How many", "Bytes", "Dollars", "Answers took"), _in_money(savings), _TOOK)


def _answered(savings: Savings) -> str:
    return f"{savings.local} of {savings.local + savings.bigquery} queries answered here"


def _in_money(savings: Savings) -> list[Row]:
    none = format_size(0), format_money(0), ""
    kept = (
        format_size(savings.kept_bytes_saved),
        format_money(savings.kept_dollars_saved),
        format_duration(savings.kept_seconds),
    )
    read = format_size(savings.read_bytes_saved), format_money(savings.read_dollars_saved), ""
    here = format_size(savings.bytes_saved), format_money(savings.dollars_saved), format_duration(savings.seconds_local)
    there = (
        format_size(savings.bytes_billed),
        format_money(savings.dollars_billed),
        format_duration(savings.seconds_bigquery),
    )
    moved = format_size(savings.bytes_moved), format_money(savings.dollars_moved), ""
    return _rows(savings, here=here, read=read, kept=kept, there=there, moved=moved, none=none)


def _in_slots(savings: Savings) -> list[Row]:
    kept = f"{format_slots(savings.slot_ms_saved)} not used" if savings.slot_ms_saved else ""
    used = f"{format_slots(savings.slot_ms)} used" if savings.slot_ms else ""
    return _rows(
        savings,
        here=(savings.not_used, format_duration(savings.seconds_local)),
        read=("", ""),
        kept=(kept, format_duration(savings.kept_seconds)),
        there=(used, format_duration(savings.seconds_bigquery)),
        moved=("", ""),
        none=("", ""),
    )


def _rows(
    savings: Savings,
    *,
    here: tuple[str, ...],
    read: tuple[str, ...],
    kept: tuple[str, ...],
    there: tuple[str, ...],
    moved: tuple[str, ...],
    none: tuple[str, ...],
) -> list[Row]:
    """The lines of the card; those of which there are none are left out, but for the three that sum up."""
    transfers = "transfers and rows read" if savings.read else "transfers"
    lines = (
        ("answered here", savings.local, here, True),
        ("… of these read without a query job", savings.read, read, False),
        ("… of these kept answers of BigQuery", savings.kept, kept, False),
        ("… of these BigQuery's own cache would have had", savings.local_cached, none, False),
        ("on BigQuery", savings.bigquery, there, True),
        ("… of these from BigQuery's own cache", savings.bigquery_cached, none, False),
        (transfers, savings.transfers + savings.read, moved, True),
    )
    return [[what, str(count), *cells] for what, count, cells, always in lines if count or always]
