"""What a `%%bpsql` cell does, once its line is read: bind, run, hand over; or explain, price, save, lay out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bigpato_magic.arguments import path_of
from bigpato_magic.errors import ConfigurationError, QueryError
from bigpato_magic.googlesql.lexer import is_blank, parameter_names
from bigpato_magic.notebook import cards, magic_line
from bigpato_magic.notebook.cards import Card
from bigpato_magic.notebook.magic_line import ParsedLine
from bigpato_magic.notebook.origin import Composed
from bigpato_magic.notebook.progress import ProgressLine, surface_of
from bigpato_magic.notebook.results import HandOver, check_kind, hand_over, note_of, ready_to_hand_over, shown_before
from bigpato_magic.notebook.running import run
from bigpato_magic.notebook.session import Session
from bigpato_magic.notebook.statements import queries_of
from bigpato_magic.parameters import bind
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
    asked: ParsedLine
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
            return cards.lines_card([f"{name} is saved: --with {name}."]) if (name := self.options.save) else None
        return self._answer(self._composed(sql))

    def explain(self) -> Card:
        """The explanation of the query, or the story of the last one."""
        if not self.asked.sql.strip():
            return self._last()
        return self._explained(self._composed(self.asked.sql), cards.explanation_card)

    def _sql(self) -> str:
        asked, path = self.asked, self.options.file
        if path and asked.sql.strip():
            raise ConfigurationError("the query is in the cell and in --file", hint="leave one of them out")
        sql = _read(path) if path else asked.sql
        sql = sql.removeprefix("\ufeff")
        if is_blank(sql):
            raise ConfigurationError("there is no query", hint="%%bpsql in a cell's first line, the query below it")
        return sql

    def _composed(self, sql: str) -> Composed:
        return Composed(self.session.saved.compose(sql, self.options.with_), sql, self.session.saved.texts())

    def _answer(self, query: Composed) -> Any:
        if self.options.dry_run or self.options.explain:
            return self._explained(query, cards.price_card if self.options.dry_run else cards.explanation_card)
        check_kind(self.options.to)
        *before, last = queries_of(query.whole)
        parts = [(sql, self._bind(sql)) for sql in (*before, last)]  # a missing value stops all of them
        with query.telling(self.session.variables(self.local)):
            for sql, bound in parts[:-1]:
                self._show(self._handed_over(sql, bound, replace(self._wish(), destination=None)))
            return self._handed_over(*parts[-1], self._wish())

    def _handed_over(self, sql: str, bound: tuple[Parameter, ...], wish: HandOver) -> Any:
        """The answer to one statement, as the cell's value or in its variable; its footnote is the session's last."""
        client, settings = self.session.client, _settings(self.options)
        line = ProgressLine(None if _quiet(self.options) else surface_of(self.session.shell))
        result = run(
            lambda cancel, progress: ready_to_hand_over(
                client.run(sql, params=bound, cancel=cancel, progress=progress, **settings), self.options.to
            ),
            line,
        )
        for statement in shown_before(result):
            self._show(hand_over(self.session.shell, client, statement, replace(wish, destination=None, begun=None))[0])
        value, self.session.note = hand_over(self.session.shell, client, result, wish)
        return value

    def _show(self, value: Any) -> None:
        """Display what is not the cell's own value, and begin to count for the next statement."""
        from IPython.display import display

        if value is not None:
            display(value)  # type: ignore[no-untyped-call]
        self.session.begin()

    def _wish(self) -> HandOver:
        return _wish(self.asked, self.session.begun)

    def _bind(self, sql: str) -> tuple[Parameter, ...]:
        variables = self.session.variables(self.local)
        return bind(parameter_names(sql), magic_line.mapping(self.asked.params, variables), variables)

    def _explained(self, query: Composed, card: Callable[[Explanation], Card]) -> Card:
        client, how, bound = self.session.client, _conditions(self.options), self._bind(query.whole)
        explanation = run(lambda _cancel, _progress: client.explain(query.whole, params=bound, **how))
        if isinstance(explanation.error, QueryError):
            query.tell(explanation.error, self.session.variables(self.local))
        if getattr(self.options, "dry_run", False) and explanation.error is not None and explanation.fails:
            raise explanation.error
        if self.asked.destination:
            self.session.shell.push({self.asked.destination: explanation})  # type: ignore[no-untyped-call]
        return card(explanation)

    def _last(self) -> Card:
        client = self.session.client
        if client.last is None:
            raise ConfigurationError("no query has run yet", hint="%bp_explain SELECT …, or %%bp_explain over a cell")
        told = self.session.note
        note = told if told is not None and told.result is client.last else note_of(client, client.last)
        note = replace(note, unfolded=True)
        return Card(note.text(), note.html())

    def _format(self, line: str, sql: str) -> None:
        """Put the cell with its query laid out in place of the cell, for the person to run."""
        from bigpato_magic.googlesql import format_sql

        head = " ".join(word for word in line.split(" ") if word != "--format").strip()
        text = run(lambda _cancel, _progress: format_sql(sql))
        self.session.shell.set_next_input(f"%%bpsql {head}".rstrip() + f"\n{text.rstrip()}", replace=True)


def _settings(options: Namespace) -> dict[str, Any]:
    return {
        "route": options.route,
        "use_query_cache": not options.no_query_cache,
        "use_storage_api": not options.use_rest_api,
        "location": options.location,
        "lazy": options.to == "duckdb",
        "yes": options.yes,
        **_conditions(options),
    }


_CONDITIONS = ("project", "dataset", "max_staleness", "offline", "approximate", "maximum_bytes_billed")


def _conditions(options: Namespace) -> dict[str, Any]:
    """What a run and an explanation rest on alike. Only what was given: the client knows the rest."""
    given = {name: getattr(options, name, None) for name in _CONDITIONS}
    return {name: value for name, value in given.items() if not (value is None or value is False or value == "")}


def _quiet(options: Namespace) -> bool:
    return (options.progress_bar_type or "").lower() == "none"


def _wish(asked: ParsedLine, begun: float) -> HandOver:
    options = asked.options
    return HandOver(options.to, options.max_results, asked.destination, asked.shown, options.verbose, begun)


def _read(path: str) -> str:
    """A file's text; a byte order mark says that it is UTF-8, or that it is not."""
    try:
        content = path_of("--file", path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"--file {path} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        what = "UTF-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "not UTF-8 text"
        raise ConfigurationError(f"--file {path} is {what}", hint="save it as UTF-8") from None
