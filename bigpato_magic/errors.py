"""Every error of the package, as one tree.

    BigPatoError
    ├── QueryError            the SQL is wrong, or BigQuery refused it (line and column where known)
    │   ├── TableNotFound
    │   ├── BytesLimitExceeded  the job would bill more than it may; nothing has run
    │   └── ParameterError    a query parameter is missing, or its value has no BigQuery type
    ├── ConsentNeeded         it would bill more than `BigPato.ask_above`, and nobody has said yes; nothing has run
    ├── RouteRefused          `--route local` was asked for, and the query cannot run here
    ├── LocalRunError         DuckDB refused at run time; the query goes to BigQuery
    │   └── DamagedCopy       a copy's file is missing, cut or changed
    ├── AnalyzerUnavailable   Google's analyzer is not ready, or the text is beyond it; the query goes to BigQuery
    ├── WarehouseError        BigQuery or Cloud Storage answered with an error that is not about the SQL
    │   ├── PermissionDenied
    │   ├── CredentialsError
    │   └── WarehouseUnavailable   no network, or the service is down
    ├── TransferError         a table could not be brought here; nothing of it is visible
    ├── TierError             the local store cannot be used (permissions, disk, a newer version's files)
    ├── ConfigurationError    a setting, an option of a magic, or a constructor argument is wrong
    └── Cancelled             the person stopped it

Each says what is wrong, where, and what to do, in one sentence and a hint; shown in a notebook as a short card.
"""

from __future__ import annotations

from typing import Any

from bigpato_magic import places


class BigPatoError(Exception):
    """The root of all errors that this package raises on purpose.

    Args:
        message: what is wrong, to which thing, in one sentence.
        hint: the way out, if there is one.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"

    def _render_traceback_(self) -> list[str]:
        """The card that IPython prints in place of a traceback; `%tb` shows the whole one."""
        return [f"{type(self).__name__}: {self.message}", *self.excerpt(), *self.way_out()]

    def excerpt(self) -> list[str]:
        """The line of SQL that it is about, with a caret below the place; nothing where that is not known."""
        return []

    def way_out(self) -> list[str]:
        """The hint as a line of its own, if there is one."""
        return [f"  → {self.hint}"] if self.hint else []


class QueryError(BigPatoError):
    """The SQL is wrong, or BigQuery refused to run it.

    Args:
        message: what is wrong, without its place.
        sql: the text that `line` and `column` count in.
        line: 1-based line in `sql`, None where unknown.
        column: the character in that line, from 1, None where unknown.
        job_id: of the BigQuery job that failed, None for an error found before one was made.
        hint: the way out, if there is one.
    """

    def __init__(
        self,
        message: str,
        *,
        sql: str | None = None,
        line: int | None = None,
        column: int | None = None,
        job_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.sql = sql
        self.line = line
        self.column = column
        self.job_id = job_id

    def __str__(self) -> str:
        place = "" if self.line is None else f" at line {self.line}, column {self.column or 1}"
        return f"{self.message}{place}" + (f" ({self.hint})" if self.hint else "")

    def excerpt(self) -> list[str]:
        """The line of SQL that it is about, with a caret below the place; nothing where that is not known."""
        if self.sql is None or self.line is None:
            return []
        lines = places.lines(self.sql)
        if not 1 <= self.line <= len(lines):
            return []
        text, caret = places.excerpt(lines[self.line - 1], self.column or 1)
        number = str(self.line)
        return [f"  {number} | {text}", f"  {' ' * len(number)} | {caret}"]


class TableNotFound(QueryError):
    """A table of the query does not exist, or the caller may not know of it.

    Args:
        message: as of `QueryError`, likewise what `how` has.
        path: (project, dataset, table), or (project, dataset) where the whole dataset is missing; () where not known.
        **how: of `QueryError`.
    """

    def __init__(self, message: str, *, path: tuple[str, ...] = (), **how: Any) -> None:
        super().__init__(message, **how)
        self.path = path


class ParameterError(QueryError):
    """A query parameter has no value, or a value that no BigQuery type fits."""


class BytesLimitExceeded(QueryError):
    """The job would bill more bytes than it may: BigQuery has not run it, and bills nothing.

    Args:
        message: as of `QueryError`, likewise what `how` has.
        required: bytes that it would bill at most, None where BigQuery does not say.
        **how: of `QueryError`.

    Attributes:
        billed: bytes that were billed before, for parts of the query that gave no answer.
    """

    billed: int = 0

    def __init__(self, message: str, *, required: int | None = None, **how: Any) -> None:
        super().__init__(message, **how)
        self.required = required


class ConsentNeeded(BigPatoError):
    """A query would bill more than `BigPato.ask_above`, and nobody has said yes. Nothing of it has run.

    Args:
        message: what it would bill, and its price.
        bytes_billed: that it would bill at most, None where BigQuery does not say.
        ways: cheaper ones, each in a sentence.
        hint: how to run it all the same.
    """

    def __init__(
        self, message: str, *, bytes_billed: int | None = None, ways: tuple[str, ...] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.bytes_billed = bytes_billed
        self.ways = ways

    def excerpt(self) -> list[str]:
        """The cheaper ways, each on a line of its own."""
        return [f"  · {way}" for way in self.ways]


class RouteRefused(BigPatoError):
    """Only a local answer was asked for, and there is none that is right."""


class LocalRunError(BigPatoError):
    """DuckDB stopped while it ran the query: a guard of a rule, or a real error of the data."""


class DamagedCopy(LocalRunError):
    """A file of a copy is missing, cut or changed. It is set aside, and its query goes to BigQuery.

    Args:
        message: which file, and what is wrong with it.
        copies: ids of the copies that it may be about.
    """

    def __init__(self, message: str, *, copies: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.copies = copies


class AnalyzerUnavailable(BigPatoError):
    """Google's analyzer is not ready on this machine, or gave up on the text."""


class WarehouseError(BigPatoError):
    """BigQuery or Cloud Storage answered with an error that is not about the SQL."""


class PermissionDenied(WarehouseError):
    """The credentials are known but may not do this (HTTP 403)."""


class CredentialsError(WarehouseError):
    """There are no credentials, the key file is missing or malformed, or they have expired."""


class WarehouseUnavailable(WarehouseError):
    """The service cannot be reached now."""


class TransferError(BigPatoError):
    """A table could not be brought here; nothing of it is visible.

    Args:
        message: what happened.
        lasting: the next one would fail alike for a while: a permission is missing, or the service cannot be reached.
        hint: the way out.
    """

    def __init__(self, message: str, *, lasting: bool = False, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.lasting = lasting


class TierError(BigPatoError):
    """The local store cannot be used: its permissions, its disk, or files of a newer version."""


class ConfigurationError(BigPatoError):
    """A setting, an option of a magic, or a constructor argument is wrong."""


class Cancelled(BigPatoError):
    """The person stopped it."""

    def __init__(self, message: str = "Stopped.", *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
