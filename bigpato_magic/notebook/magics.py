"""`%%bpsql` and `%bp_explain`: the magic reads the line, the client does the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from IPython.core.magic import Magics, magics_class

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.notebook import cards, parameters, words
from bigpato_magic.notebook.options import BPSQL, command
from bigpato_magic.notebook.progress import ProgressLine, surface_of
from bigpato_magic.notebook.results import HandOver, hand_over, note_of
from bigpato_magic.notebook.running import run
from bigpato_magic.notebook.session import Session
from bigpato_magic.sql.read import parameter_names
from bigpato_magic.types import Parameter

if TYPE_CHECKING:
    from argparse import Namespace

    from bigpato_magic.notebook.words import Parser, Words

_PARAMS = next(entry for entry in BPSQL if "--params" in entry[0])
_WITH = next(entry for entry in BPSQL if "--with" in entry[0])


@magics_class
class QueryMagics(Magics):
    """Queries."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.shell)
        self.session = session

    @command(*BPSQL, cell=True)
    def bpsql(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Run BigQuery SQL wherever it is exact and cheapest.

        %%bpsql df <<          takes the result into `df`; without a name it is shown
        SELECT country, SUM(amount) AS total FROM orders WHERE day >= @since GROUP BY country

        `@since` is a typed query parameter: from --params, or the variable of that name.
        """
        asked = words.read(_parser(self.bpsql), line, cell)
        sql = self._sql(asked)
        if asked.options.format:
            return self._format(line, sql)
        if asked.options.save:
            self.session.saved.save(asked.options.save, sql, asked.options.with_)
        if asked.options.no_execute:
            return None
        return self._answer(asked, self.session.saved.compose(sql, asked.options.with_), local_ns)

    @command(_PARAMS, _WITH, cell=True)
    def bp_explain(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Say where a query would run and why, what each table's copy is worth, and what it costs; run nothing.

        Without a query: the story of the last one.
        """
        asked = words.read(_parser(self.bp_explain), line, cell)
        if not asked.sql.strip():
            return self._last()
        sql = self.session.saved.compose(asked.sql, asked.options.with_)
        return self._explained(sql, self._bind(asked, sql, local_ns), cards.explanation_card)

    # ------------------------------------------------------------------------------- bpsql's parts

    def _sql(self, asked: Words) -> str:
        path = asked.options.file
        if path and asked.sql.strip():
            raise ConfigurationError("the query is in the cell and in --file", hint="leave one of them out")
        sql = _read(path) if path else asked.sql
        if not sql.strip():
            raise ConfigurationError("there is no query", hint="%%bpsql in a cell's first line, the query below it")
        return sql

    def _answer(self, asked: Words, sql: str, local_ns: Mapping[str, Any] | None) -> Any:
        bound = self._bind(asked, sql, local_ns)
        if asked.options.dry_run or asked.options.explain:
            card = cards.price_card if asked.options.dry_run else cards.explanation_card
            return self._explained(sql, bound, card, asked)
        client = self.session.client
        settings = _settings(asked.options)
        line = ProgressLine(None if _quiet(asked.options) else surface_of(self.session.shell))
        result = run(
            lambda cancel, progress: client.run(sql, params=bound, cancel=cancel, progress=progress, **settings), line
        )
        return hand_over(self.session.shell, client, result, _wish(asked))

    def _bind(self, asked: Words, sql: str, local_ns: Mapping[str, Any] | None) -> tuple[Parameter, ...]:
        variables = self.session.variables(local_ns)
        return parameters.bind(parameter_names(sql), words.mapping(asked.params, variables), variables)

    def _explained(
        self, sql: str, bound: tuple[Parameter, ...], card: Callable[..., cards.Card], asked: Words | None = None
    ) -> cards.Card:
        client = self.session.client
        where = {} if asked is None else _place(asked.options)
        explanation = run(lambda _cancel, _progress: client.explain(sql, params=bound, **where))
        if asked is not None and asked.destination:
            self.session.shell.push({asked.destination: explanation})  # type: ignore[no-untyped-call]
        return card(explanation)

    def _last(self) -> cards.Card:
        client = self.session.client
        if client.last is None:
            raise ConfigurationError("no query has run yet", hint="%bp_explain SELECT …, or %%bp_explain over a cell")
        note = note_of(client, client.last)
        return cards.Card(note.full(), note.html(unfolded=True))

    def _format(self, line: str, sql: str) -> None:
        """Put the cell with its query laid out in place of the cell, for the person to run."""
        from bigpato_magic.googlesql import format_sql

        head = " ".join(word for word in line.split(" ") if word != "--format").strip()
        text = run(lambda _cancel, _progress: format_sql(sql))
        self.session.shell.set_next_input(f"%%bpsql {head}".rstrip() + f"\n{text.rstrip()}", replace=True)


def _parser(magic: Any) -> Parser:
    return cast("Parser", magic.parser)


def _settings(options: Namespace) -> dict[str, Any]:
    return {
        "route": options.route,
        "max_staleness": options.max_staleness,
        "maximum_bytes_billed": options.maximum_bytes_billed,
        "use_query_cache": not options.no_query_cache,
        "use_storage_api": not options.use_rest_api,
        "location": options.location,
        **_place(options),
    }


def _place(options: Namespace) -> dict[str, Any]:
    given = {"project": options.project, "dataset": options.dataset}
    return {name: value for name, value in given.items() if value}


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
