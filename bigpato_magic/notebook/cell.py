"""What a `%%bpsql` cell does, once its line is read: bind, run, hand over; or explain, price, save, lay out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.notebook import cards, parameters, words
from bigpato_magic.notebook.cards import Card
from bigpato_magic.notebook.progress import ProgressLine, surface_of
from bigpato_magic.notebook.results import HandOver, hand_over, note_of
from bigpato_magic.notebook.running import run
from bigpato_magic.notebook.session import Session
from bigpato_magic.notebook.words import Words
from bigpato_magic.sql.read import parameter_names
from bigpato_magic.types import Parameter

if TYPE_CHECKING:
    from argparse import Namespace

    from bigpato_magic.explain import Explanation


@dataclass(frozen=True, slots=True)
class QueryCell:
    """One cell (or line) with a query.

    Args:
        session: whose client runs it.
        asked: its line, read.
        local: the variables of the function that it stands in.
    """

    session: Session
    asked: Words
    local: Mapping[str, Any] | None = None

    @property
    def options(self) -> Namespace:
        """The options of the line."""
        return self.asked.options

    def run(self, line: str) -> Any:
        """Do what the options say; `line` is as written, for `--format`."""
        sql, saved = self._sql(), self.session.saved
        if self.options.format:
            return self._format(line, sql)
        if self.options.save:
            saved.save(self.options.save, sql, self.options.with_)
        if self.options.no_execute:
            return None
        return self._answer(saved.compose(sql, self.options.with_))

    def explain(self) -> Card:
        """The explanation of the query, or the story of the last one."""
        if not self.asked.sql.strip():
            return self._last()
        sql = self.session.saved.compose(self.asked.sql, self.options.with_)
        return self._explained(sql, self._bind(sql), cards.explanation_card)

    def _sql(self) -> str:
        asked, path = self.asked, self.options.file
        if path and asked.sql.strip():
            raise ConfigurationError("the query is in the cell and in --file", hint="leave one of them out")
        sql = _read(path) if path else asked.sql
        if not sql.strip():
            raise ConfigurationError("there is no query", hint="%%bpsql in a cell's first line, the query below it")
        return sql

    def _answer(self, sql: str) -> Any:
        bound = self._bind(sql)
        if self.options.dry_run or self.options.explain:
            return self._explained(sql, bound, cards.price_card if self.options.dry_run else cards.explanation_card)
        client = self.session.client
        settings = _settings(self.options)
        line = ProgressLine(None if _quiet(self.options) else surface_of(self.session.shell))
        result = run(
            lambda cancel, progress: client.run(sql, params=bound, cancel=cancel, progress=progress, **settings), line
        )
        return hand_over(self.session.shell, client, result, _wish(self.asked))

    def _bind(self, sql: str) -> tuple[Parameter, ...]:
        variables = self.session.variables(self.local)
        return parameters.bind(parameter_names(sql), words.mapping(self.asked.params, variables), variables)

    def _explained(self, sql: str, bound: tuple[Parameter, ...], card: Callable[[Explanation], Card]) -> Card:
        client, where = self.session.client, _place(self.options)
        explanation = run(lambda _cancel, _progress: client.explain(sql, params=bound, **where))
        if self.asked.destination:
            self.session.shell.push({self.asked.destination: explanation})  # type: ignore[no-untyped-call]
        return card(explanation)

    def _last(self) -> Card:
        client = self.session.client
        if client.last is None:
            raise ConfigurationError("no query has run yet", hint="%bp_explain SELECT …, or %%bp_explain over a cell")
        note = note_of(client, client.last)
        return Card(note.full(), note.html(unfolded=True))

    def _format(self, line: str, sql: str) -> None:
        """Put the cell with its query laid out in place of the cell, for the person to run."""
        from bigpato_magic.googlesql import format_sql

        head = " ".join(word for word in line.split(" ") if word != "--format").strip()
        text = run(lambda _cancel, _progress: format_sql(sql))
        self.session.shell.set_next_input(f"%%bpsql {head}".rstrip() + f"\n{text.rstrip()}", replace=True)


def _settings(options: Namespace) -> dict[str, Any]:
    return {
        "route": options.route,
        "max_staleness": options.max_staleness,
        "maximum_bytes_billed": options.maximum_bytes_billed,
        "use_query_cache": not options.no_query_cache,
        "use_storage_api": not options.use_rest_api,
        "location": options.location,
        "lazy": options.to == "duckdb",
        **_place(options),
    }


def _place(options: Namespace) -> dict[str, Any]:
    """Only what was given: the client knows the rest."""
    return {name: value for name in ("project", "dataset") if (value := getattr(options, name, None))}


def _quiet(options: Namespace) -> bool:
    return (options.progress_bar_type or "").lower() == "none"


def _wish(asked: Words) -> HandOver:
    options = asked.options
    return HandOver(options.to, options.max_results, asked.destination, asked.shown, options.verbose)


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"--file {path} is not UTF-8 text") from None
