"""The companions of `%%bpsql`: what is here, what moves, what it saved. The magic reads the line, the client works."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.magic import Magics, magics_class

from bigpato_magic.arguments import path_of
from bigpato_magic.errors import BigPatoError, ConfigurationError, TableNotFound
from bigpato_magic.notebook import cards, magic_line
from bigpato_magic.notebook.footnote import count_of
from bigpato_magic.notebook.inspection import table_facts_card
from bigpato_magic.notebook.options import (
    ARCHIVE,
    DOCTOR,
    FORGET,
    FREEZE,
    HISTORY,
    LIST,
    PURGE,
    REBALANCE,
    SAVINGS,
    STATUS,
    TABLES,
    VERIFY,
    command,
    option,
)
from bigpato_magic.notebook.progress import ProgressLine, surface_of
from bigpato_magic.notebook.running import Work, run
from bigpato_magic.notebook.savings import savings_card
from bigpato_magic.notebook.session import Session
from bigpato_magic.notebook.view import HERE_AND_FRESH, NO_COPY, NOTHING_TO_DO, forgotten, kept_line, superseded_line
from bigpato_magic.status import Cancel
from bigpato_magic.tier.policy.score import Objective
from bigpato_magic.traits import format_instant, format_size
from bigpato_magic.types import Plan, TableId

if TYPE_CHECKING:
    from argparse import Namespace

    from bigpato_magic.client import BigPato
    from bigpato_magic.overview import TableRow

T = TypeVar("T")


@magics_class
class TableMagics(Magics):
    """Tables, copies and accounts."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.shell)
        self.session = session

    @property
    def client(self) -> BigPato:
        """The client that the magics talk to."""
        return self.session.client

    @command(*REBALANCE)
    def bp_rebalance(self, line: str) -> cards.Card:
        """Bring the tables that you really use here, refresh those that changed, take away those that do not pay.

        First what the policy would do, then do it, then only these tables:

        %bp_rebalance --dry-run
        %bp_rebalance
        %bp_rebalance orders shop.items
        """
        asked = _read(self.bp_rebalance, line)
        if asked.auto:
            self.client.tier.auto = True
        plan = self._run(lambda cancel, progress: self._rebalance(asked, cancel, progress))
        nothing = HERE_AND_FRESH if asked.tables else NOTHING_TO_DO
        return self._told(plan, done=not asked.dry_run, nothing=nothing)

    def _rebalance(self, asked: Namespace, cancel: Cancel, progress: Callable[[Any], None]) -> Plan:
        """A misspelt name fails the cell before anything moves."""
        self.client.check_names(asked.tables)
        how = {"dry_run": asked.dry_run, "consistent": asked.consistent}
        return self.client.rebalance(asked.tables or None, cancel=cancel, progress=progress, **how)

    def _told(self, plan: Plan, *, done: bool, nothing: str) -> cards.Card:
        return cards.plan_card(plan, done=done, nothing=nothing, project=self.client.project)

    @command(TABLES)
    def bp_demote(self, line: str) -> cards.Card:
        """Take the copies of these tables away; their queries run on BigQuery again.

        %bp_demote orders
        """
        names = self._names(self.bp_demote, line)
        plan: Plan = self._run(lambda _cancel, _progress: self.client.demote(names))
        return self._told(plan, done=True, nothing=NO_COPY)

    @command(TABLES)
    def bp_pin(self, line: str) -> cards.Card:
        """Hold these tables whatever their score; the next rebalance brings them.

        %bp_pin orders shop.items
        """
        names = self._names(self.bp_pin, line)
        self.client.pin(names)
        return cards.lines_card([self._pinned(table, name) for name in names for table in self.client.table_ids(name)])

    @command(TABLES)
    def bp_unpin(self, line: str) -> cards.Card:
        """Leave these tables to the policy again.

        %bp_unpin shop.items
        """
        names = self._names(self.bp_unpin, line)
        pinned = self.client.tier.preferences.pinned()
        self.client.unpin(names)
        known = ", ".join(sorted(f"{table.dataset}.{table.table}" for table in pinned))
        others = f"Pinned were: {known}." if known else "No table was."
        left = {True: "{} is left to the policy again.", False: f"{{}} was not pinned. {others}"}
        was = {name: self.client.table_id(name) for name in names}
        return cards.lines_card(
            [left[table in pinned or any(map(table.matches, pinned))].format(name) for name, table in was.items()]
        )

    @command(*STATUS)
    def bp_status(self, line: str) -> cards.Card:
        """Show the tables that you use: where they are, how fresh, what they saved; and the state of the parts.

        With names: their schema, size, place and freshness.

        %bp_status
        %bp_status orders
        """
        asked = _read(self.bp_status, line)
        self._run(lambda _cancel, _progress: self.client.check_copies())
        rows = self.client.tables()
        if not asked.tables:
            return cards.status_card(rows, self._facts())
        return cards.stacked([self._table(name, rows) for name in asked.tables])

    @command(*LIST)
    def bp_tables(self, line: str) -> cards.Card:
        """List all tables and views of the dataset, used or not: where, size, layout, and the price of bringing them here.

        The name of one table shows its columns with types and descriptions. BigQuery is asked, which is free.

        %bp_tables
        %bp_tables sales
        %bp_tables shop.ord*
        %bp_tables orders
        """
        from bigpato_magic.listing import MOST, exactly
        from bigpato_magic.notebook.listing import listing_card

        asked = _read(self.bp_tables, line)
        most = sys.maxsize if asked.all else MOST
        listing = self._run(lambda _cancel, _progress: self.client.list_tables(asked.pattern, most=most))
        if asked.pattern and (same := exactly(listing, asked.pattern)) and same[0].facts is not None:
            return table_facts_card(same[0].facts, same[0].row)
        return listing_card(listing, asked.pattern, self.client.project)

    @command()
    def bp_panel(self, line: str) -> Any:
        """Open the panel: all tables with their buttons, the budget, the plan, the settings.

        %bp_panel
        """
        from bigpato_magic.notebook.panel import panel

        _read(self.bp_panel, line)
        return panel(self.client)

    @command(*SAVINGS)
    def bp_savings(self, line: str) -> cards.Card:
        """Show what was not billed because it was answered here, and what was.

        With Pricing.objective = "time": what was not waited and which slots were not used, and which were.
        With --csv FILE: write each query and transfer to a file as well.

        %bp_savings
        %bp_savings --since 2024-01-31
        """
        asked = _read(self.bp_savings, line)
        since = _day(asked.since) if asked.since else None
        if asked.csv:
            self.client.tier.ledger.export(path_of("--csv", asked.csv), since)
        return savings_card(self.client.savings(since), Objective(self.client.tier.pricing.objective))

    @command(*HISTORY)
    def bp_history(self, line: str) -> cards.Card | None:
        """List the last queries of all your notebooks: when, where, price, time; put one into the next cell.

        %bp_history
        %bp_history country
        %bp_history --insert 1
        """
        from bigpato_magic.notebook.history import history_card

        asked, history = _read(self.bp_history, line), self.client.tier.open().history
        if asked.insert is None:
            return history_card(history.queries(" ".join(asked.part), asked.max_results), " ".join(asked.part))
        query = history.query(asked.insert)
        if query is None:
            raise ConfigurationError(f"there is no query {asked.insert}", hint="%bp_history lists them")
        if query.is_cut:
            raise ConfigurationError(
                f"of query {asked.insert} only the beginning is remembered: it is too long to insert"
            )
        self.shell.set_next_input(f"%%bpsql\n{query.sql}")  # type: ignore[union-attr]
        return None

    @command(*FORGET)
    def bp_forget(self, line: str) -> cards.Card:
        """Take kept answers of BigQuery away: all, or those over these tables. Their queries run on BigQuery again.

        Without an argument: which there are.

        %bp_forget
        %bp_forget orders
        %bp_forget --all
        """
        asked = _read(self.bp_forget, line)
        if asked.tables and asked.all:
            raise ConfigurationError("either tables or --all", hint="%bp_forget --all")
        if asked.tables or asked.all:
            return cards.lines_card([forgotten(self.client.forget(None if asked.all else asked.tables))])
        return cards.kept_card(self.client.kept())

    @command(*FREEZE)
    def bp_freeze(self, line: str) -> cards.Card:
        """Answer every cell as of one instant, whatever changes from then on; `off` reads the tables as they are again.

        Copies answer that were their tables then, and BigQuery by its time travel (billed). What cannot be had as of then
        is an error, never today's data, and nothing is changed meanwhile. Without an argument: what holds now.

        %bp_freeze now
        %bp_freeze "2026-11-22 14:00"
        %bp_freeze off
        """
        said = " ".join(_read(self.bp_freeze, line).instant)
        if said:
            self.client.freeze(None if said.lower() == "off" else said)
        return cards.lines_card([_frozen(self.client.frozen)])

    @command(*ARCHIVE)
    def bp_archive(self, line: str) -> cards.Card:
        """Write the copies and kept answers of one instant (the frozen one, or now) into a file for somebody else.

        Who opens it gets answers from it alone, without BigQuery: client = BigPato.open_archive("march.bigpato"), then
        %bp_use client. Whoever has the file can read the rows in it.

        %bp_archive march.bigpato
        """
        name = _read(self.bp_archive, line).file
        if not name:
            raise ConfigurationError("which file?", hint="%bp_archive march.bigpato")
        done = self._run(lambda cancel, _progress: self.client.archive(name, cancel=cancel))
        tables = sum(copy.source is None for copy in done.copies)
        content = f"{count_of(tables, 'table')} and {count_of(len(done.copies) - tables, 'kept answer')}"
        said = f"{done.path}: {content} as of {format_instant(done.as_of)}, {format_size(done.bytes)}."
        return cards.lines_card([said, *(f"Not in it: {reason}" for reason in done.left_out)])

    @command(*DOCTOR)
    def bp_doctor(self, line: str) -> cards.Card:
        """Look at credentials, project, permissions, location, disk, analyzer and versions, and say what to do; bills nothing.

        %bp_doctor
        %bp_doctor --json
        """
        from bigpato_magic.doctor import examine

        asked = _read(self.bp_doctor, line)
        diagnosis = self._run(lambda _cancel, _progress: examine(self.client))
        return cards.lines_card(diagnosis.json().splitlines() if asked.json else diagnosis.lines())

    @command(*VERIFY)
    def bp_verify(self, line: str) -> cards.Card:
        """Run the last local query on BigQuery too (billed), and compare the values.

        With --files: compare every copy's files with their checksums instead. With --suite: ask BigQuery the package's own
        questions, all (some minutes) or some families of them, and compare. They read no table, so that is free: a dry run
        of each job says 0 bytes before it begins.

        %bp_verify
        %bp_verify --files
        %bp_verify --suite net
        """
        asked = _read(self.bp_verify, line)
        if asked.families and not asked.suite:
            raise ConfigurationError("families are those of the suite", hint=f"%bp_verify --suite {asked.families[0]}")
        if asked.suite:
            ask = self.client.verify_suite
            return cards.suite_card(self._run(lambda cancel, say: ask(*asked.families, cancel=cancel, say=say)))
        if asked.files:
            return cards.files_card(self._run(lambda cancel, _progress: self.client.tier.verify_files(cancel)))
        return cards.verdict_card(self._run(lambda _cancel, _progress: self.client.verify_last(yes=asked.yes)))

    @command(*PURGE)
    def bp_purge(self, line: str) -> cards.Card:
        """Remove every copy, every kept answer and all that is remembered from this disk. BigQuery's tables are not touched.

        %bp_purge --yes
        """
        asked = _read(self.bp_purge, line)
        if not asked.yes:
            size = format_size(self.client.tier.used_bytes())
            message = f"{size} of copies and kept answers would be removed"
            raise ConfigurationError(message, hint="%bp_purge --yes does it")
        left = self._run(lambda _cancel, _progress: self.client.purge())
        rest = ["Left, because it is not ours or cannot be removed:", *map(str, left)] if left else []
        gone = "All copies and kept answers, and what was remembered of them, are gone from this disk."
        return cards.lines_card([gone, *rest])

    @command(option("client", nargs="?", help="A variable that holds a BigPato."))
    def bp_use(self, line: str) -> None:
        """Let the magics talk to another client.

        client = bigpato_magic.demo.start()
        %bp_use client
        """
        from bigpato_magic.client import BigPato

        name = _read(self.bp_use, line).client
        client = self.session.variables(None).get(name)
        if not isinstance(client, BigPato):
            raise ConfigurationError(f"{name or 'nothing'} is no BigPato", hint="client = demo.start(); %bp_use client")
        self.session.client = client

    # ------------------------------------------------------------------------------------- helpers

    def _pinned(self, table: TableId, name: str) -> str:
        is_here = table in self.client.tier.copies([table])
        return f"{table} is pinned: " + ("its copy stays." if is_here else f"%bp_rebalance {name} brings it now.")

    def _run(self, work: Work[T]) -> T:
        status = self.client.status
        return run(work, ProgressLine(surface_of(self.shell), lambda: (status.job, status.fraction)))

    def _names(self, magic: Any, line: str) -> Sequence[str]:
        names: Sequence[str] = _read(magic, line).tables
        if not names:
            raise ConfigurationError("which tables?", hint=f"%{magic.parser.prog} dataset.table")
        return names

    def _table(self, name: str, rows: Sequence[TableRow]) -> cards.Card:
        table = self.client.table_id(name)
        facts = self._run(lambda _cancel, _progress: self.client.tier.facts.fetch([table]))[table]
        if isinstance(facts, TableNotFound):
            self.client.runner.enrich(facts)
        if isinstance(facts, BigPatoError):
            raise facts
        return table_facts_card(facts, next((row for row in rows if row.id == table), None))

    def _facts(self) -> list[tuple[str, str]]:
        client = self.client
        frozen = f"as of {format_instant(client.frozen)}" if client.frozen else ""
        archive = f"as of {format_instant(client.archived)}; only what is in it answers" if client.archived else ""
        facts = [
            ("project", client.project or "none yet"),
            ("dataset", client.dataset),
            ("route", client.route),
            ("frozen", frozen),
            ("archive", archive),
        ]
        disk = f"{format_size(client.tier.used_bytes())} of {format_size(client.tier.budget)}"
        facts += [("disk", disk), ("older versions", superseded_line(client)), ("kept answers", kept_line(client))]
        facts += [("analyzer", client.status.analyzer), ("note", client.status.message)]
        return [(name, value) for name, value in facts if value]


def _read(magic: Any, line: str) -> Namespace:
    return magic_line.options(magic.parser, line)


def _frozen(at: datetime | None) -> str:
    """What holds, and how this notebook says it for good: the words of `now` mean another instant on another day."""
    if at is None:
        return "Every cell reads the tables as they are."
    again = f'%bp_freeze "{at.isoformat(sep=" ", timespec="microseconds")}"'
    return f"Every cell answers as of {format_instant(at)}. To have the same answers another day: {again}"


def _day(text: str) -> datetime:
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"--since {text} is no date", hint="--since 2024-01-31") from None
    return (day if day.tzinfo else day.astimezone()).astimezone(UTC)
