"""Every error of the package, as one tree.

    BigPatoError
    ├── QueryError            the SQL is wrong, or BigQuery refused it (line and column where known)
    │   ├── TableNotFound
    │   └── ParameterError    a query parameter is missing, or its value has no BigQuery type
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
        return [f"{type(self).__name__}: {self.message}", *self._where(), *self._way_out()]

    def _where(self) -> list[str]:
        return []

    def _way_out(self) -> list[str]:
        return [f"  → {self.hint}"] if self.hint else []


class QueryError(BigPatoError):
    """The SQL is wrong, or BigQuery refused to run it.

    Args:
        message: what is wrong, without its place.
        sql: the text that `line` and `column` count in.
        line: 1-based line in `sql`, None where unknown.
        column: 1-based column in that line, None where unknown.
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

    def _where(self) -> list[str]:
        if self.sql is None or self.line is None:
            return []
        lines = self.sql.splitlines()
        if not 1 <= self.line <= len(lines):
            return []
        number, column = str(self.line), self.column or 1
        return [f"  {number} | {lines[self.line - 1]}", f"  {' ' * len(number)} | {' ' * (column - 1)}^"]


class TableNotFound(QueryError):
    """A table of the query does not exist, or the caller may not know of it."""


class ParameterError(QueryError):
    """A query parameter has no value, or a value that no BigQuery type fits."""


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
    """A table could not be brought here; nothing of it is visible."""


class TierError(BigPatoError):
    """The local store cannot be used: its permissions, its disk, or files of a newer version."""


class ConfigurationError(BigPatoError):
    """A setting, an option of a magic, or a constructor argument is wrong."""


class Cancelled(BigPatoError):
    """The person stopped it."""

    def __init__(self, message: str = "Stopped.", *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
