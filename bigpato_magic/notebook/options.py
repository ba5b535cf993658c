"""The options of the magics, as tables: `?` shows them, the parser reads them, the documentation lists them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from IPython.core import magic

from bigpato_magic.notebook.magic_line import Parser
from bigpato_magic.traits import parse_duration, parse_size

F = TypeVar("F", bound=Callable[..., Any])
Option = tuple[tuple[str, ...], dict[str, Any]]


def option(*names: str, **how: Any) -> Option:
    """One option, as `argparse` takes it; `--two-words` may be written `--two_words` too."""
    spellings = {spelling: None for name in names for spelling in (name, *_other_spelling(name))}
    return tuple(spellings), how


def _other_spelling(name: str) -> tuple[str, ...]:
    if not name.startswith("--") or not ("_" in name or "-" in name[2:]):
        return ()
    word = name[2:]
    return (f"--{word.replace('_', '-') if '_' in word else word.replace('-', '_')}",)


def command(*table: Option, cell: bool = False) -> Callable[[F], F]:
    """Make a method a line magic (or a line and cell magic that sees local variables) with these options.

    Its parser is its attribute `parser`; its docstring becomes the help that `?` shows. IPython pastes no variable
    into the line: `$x` and `{x}` are SQL's or ours.
    """

    def decorate(method: F) -> F:
        parser = Parser(prog=method.__name__, description=method.__doc__)
        for names, how in table:
            parser.add_argument(*names, **how)
        function: Any = method
        function.parser = parser
        function.__doc__ = parser.format_help()
        marked = magic.line_cell_magic(magic.needs_local_scope(function)) if cell else magic.line_magic(function)
        return cast("F", magic.no_var_expand(marked))

    return decorate


_Number = TypeVar("_Number", int, float)


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


_count.__name__ = "number of rows"  # argparse shows it in its errors


def _limit(text: str) -> int:
    return 0 if text.lower() == "none" else _told(parse_size, text)


def _duration(text: str) -> float:
    return _told(parse_duration, text)


def _told(parse: Callable[[str], _Number], text: str) -> _Number:
    """The value, or an error that says what is wanted: argparse would keep the reason of a ValueError to itself."""
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


TABLES = option("tables", nargs="*", help="Names: `table`, `dataset.table` or `project.dataset.table`.")

BPSQL: tuple[Option, ...] = (
    option("destination_var", nargs="?", help="The variable that takes the result; `name <<` does the same."),
    option(
        "--params",
        metavar="MAPPING",
        help="Values of @parameters: JSON, a Python dict, or $name of a dict. Without it, variables of that name.",
    ),
    option("--route", choices=("auto", "local", "bigquery"), help="Where to run: local fails where it cannot."),
    option("--max_staleness", type=_duration, metavar="TIME", help="A copy may be this much older: '5 min'."),
    option("--offline", action="store_true", help="While BigQuery cannot be reached, copies here may answer."),
    option(
        "--approximate",
        choices=("bigquery", "exact"),
        help="What APPROX_COUNT_DISTINCT and its kin give: BigQuery's estimate, or here the exact figure in its place.",
    ),
    option(
        "--to",
        choices=("pandas", "arrow", "polars", "duckdb"),
        default="pandas",
        help="What the result is: a pandas or polars frame, an Arrow table, a DuckDB relation.",
    ),
    option("--max_results", type=_count, metavar="N", help="Keep the first N rows."),
    option("--dry_run", action="store_true", help="Say what either route would cost; run nothing."),
    option("--explain", action="store_true", help="Say where it would run and why; run nothing."),
    option("--format", action="store_true", help="Rewrite the cell in Google's own layout; run nothing."),
    option("--save", "-S", metavar="NAME", help="Keep the query under a name for --with."),
    option("--with", "-w", dest="with_", action="append", default=[], metavar="NAME", help="Use a saved query."),
    option("--no-execute", "-N", action="store_true", help="Do not run it (with --save)."),
    option("--file", "-f", metavar="PATH", help="Read the query from a file, in a one-line magic."),
    option("--project", metavar="NAME", help="The project of the job and of unqualified datasets."),
    option("--dataset", metavar="NAME", help="The dataset of unqualified tables."),
    option("--location", metavar="PLACE", help="Where a BigQuery job runs: US, europe-west1, …"),
    option(
        "--maximum_bytes_billed",
        type=_limit,
        metavar="SIZE",
        help="A BigQuery job that would bill more fails; `None` lifts the setting's limit.",
    ),
    option("--yes", action="store_true", help="Run it also where it would bill more than BigPato.ask_above."),
    option(
        "--no_query_cache", action="store_true", help="Ask BigQuery anew: no kept answer, and none from its own cache."
    ),
    option("--use_rest_api", action="store_true", help="Fetch BigQuery's result without the Storage Read API."),
    option("--use_bqstorage_api", action="store_true", help="No effect: the Storage Read API is the default."),
    option("--progress_bar_type", metavar="KIND", help="`none` shows no progress; every other kind shows ours."),
    option("--verbose", action="store_true", help="Show the reasons and the SQL that ran, unfolded."),
)
"""What `%%bpsql` takes."""

REBALANCE: tuple[Option, ...] = (
    TABLES,
    option("--dry-run", action="store_true", help="Show the plan; move nothing."),
    option("--consistent", action="store_true", help="All copies hold one common instant."),
    option("--auto", action="store_true", help="From now on, do it by itself whenever the kernel is idle."),
)
"""What `%bp_rebalance` takes."""

STATUS: tuple[Option, ...] = (TABLES,)
"""What `%bp_status` takes."""

HISTORY: tuple[Option, ...] = (
    option("part", nargs="*", help="What the text has in it; without it, the last queries."),
    option("--insert", type=_count, metavar="N", help="Put the query of that number into the next cell."),
    option("--max_results", type=_count, default=20, metavar="N", help="So many at most."),
)
"""What `%bp_history` takes."""

LIST: tuple[Option, ...] = (
    option(
        "pattern", nargs="?", default="", help="A part of the name, or `sales_*`; of another dataset `dataset.part`."
    ),
    option("--all", action="store_true", help="Also those beyond the first hundred."),
)
"""What `%bp_tables` takes."""

SAVINGS: tuple[Option, ...] = (
    option("--since", metavar="DATE", help="Count from this day, as 2024-01-31."),
    option("--csv", metavar="FILE", help="Write each query and transfer, with its job id, to a file."),
)
"""What `%bp_savings` takes."""

FORGET: tuple[Option, ...] = (
    TABLES,
    option("--all", action="store_true", help="All kept answers, whatever their tables."),
)
"""What `%bp_forget` takes."""

FREEZE: tuple[Option, ...] = (option("instant", nargs="*", help='`now`, an instant as "2026-11-22 14:00", or `off`.'),)
"""What `%bp_freeze` takes."""

ARCHIVE: tuple[Option, ...] = (option("file", nargs="?", help="The file to make."),)
"""What `%bp_archive` takes."""

VERIFY: tuple[Option, ...] = (
    option("--files", action="store_true", help="Check every file against its checksum."),
    option("--yes", action="store_true", help="Compare also where that would bill more than BigPato.ask_above."),
    option("--suite", action="store_true", help="Ask BigQuery the package's own questions: free, they read no table."),
    option("families", nargs="*", help="With --suite: these alone, as `casts`."),
)
"""What `%bp_verify` takes."""

DOCTOR: tuple[Option, ...] = (
    option("--json", action="store_true", help="As JSON for a report: no name of a person and no secret in it."),
)
"""What `%bp_doctor` takes."""

PURGE: tuple[Option, ...] = (option("--yes", action="store_true", help="Really do it."),)
"""What `%bp_purge` takes."""

COMPANIONS: Mapping[str, tuple[Option, ...]] = {
    "doctor": DOCTOR,
    "forget": FORGET,
    "history": HISTORY,
    "purge": PURGE,
    "rebalance": REBALANCE,
    "savings": SAVINGS,
    "tables": LIST,
    "verify": VERIFY,
}
"""What the magics take whose line has options, by what follows `%bp_`."""
