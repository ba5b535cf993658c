"""The methods of `BigPato` that check what is here: answers against BigQuery's, files against their digests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bigpato_magic.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bigpato_magic.runner import QueryRunner, Request
    from bigpato_magic.status import Cancel
    from bigpato_magic.suite import SuiteLimits, SuiteReport
    from bigpato_magic.tier.files.store import Finding
    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.types import QueryResult
    from bigpato_magic.verification import Verification, Verifier


class CheckingFace:
    """What a person may have checked. See `BigPato`."""

    tier: Tier
    verify: float
    verify_bytes: int
    archived: datetime | None
    last: QueryResult | None
    _last_request: Request | None
    _verifier: Verifier | None

    if TYPE_CHECKING:  # what it stands on

        @property
        def runner(self) -> QueryRunner:
            """The runner of queries, which the verifier asks again."""

        def _request(self, sql: str) -> Request:
            """A request with the client's settings."""

    @property
    def verifier(self) -> Verifier:
        """What compares local answers with BigQuery's."""
        if self._verifier is None:
            from bigpato_magic.verification import Verifier

            self._verifier = Verifier(self.runner, lambda: self.verify, lambda: self.verify_bytes)
        return self._verifier

    def verify_last(self, *, yes: bool = False) -> Verification:
        """Run the last local query on BigQuery too and compare the values.

        Args:
            yes: it may bill more than `ask_above`.

        Raises:
            ConsentNeeded: it would.
            ConfigurationError: the last query did not run in DuckDB.
            WarehouseError: BigQuery cannot be reached or refuses.

        Example:
            >>> done = client.promote("orders"), client.run("SELECT SUM(amount) AS total FROM orders")
            >>> client.verify_last().outcome
            'equal'
        """
        if self.last is None or self._last_request is None:
            raise ConfigurationError("No query has run yet: there is nothing to verify.")
        asked = replace(self._last_request, ask_above=None) if yes else self._last_request
        return self.verifier.verify(asked, self.last)

    def verify_suite(
        self,
        *families: str,
        limits: SuiteLimits | None = None,
        cancel: Cancel | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> SuiteReport:
        """Ask BigQuery the questions of the suite, which read no table and so bill nothing, and compare the answers.

        Each job is tried by a dry run first, and only begun where that says 0 bytes. A difference is kept as a case,
        without any data of yours, and its rules are not used on this machine any more (`clear_quarantine`).

        Args:
            *families: as "casts"; all by default.
            limits: jobs and seconds at most.
            cancel: stops it between two jobs.
            say: hears how far it is.

        Raises:
            ConfigurationError: there is no such family, or this is an archive, which has no BigQuery.
            WarehouseError: BigQuery cannot be reached or refuses.
            Cancelled: `cancel` was set.

        Example:
            >>> report = client.verify_suite("net")
            >>> report.bytes_billed, report.differences
            (0, ())
        """
        from bigpato_magic.status import Cancel
        from bigpato_magic.suite import SuiteLimits, run_suite

        if self.archived is not None:
            raise ConfigurationError("An archive has no BigQuery to compare with.")
        token, request = Cancel() if cancel is None else cancel, self._request("SELECT 1")
        return run_suite(self.verifier, request, families, limits=limits or SuiteLimits(), cancel=token, say=say)

    def verify_files(self) -> list[Finding]:
        """Read every file of every copy and compare it with its checksum; damaged copies are taken away.

        Example:
            >>> client.verify_files()
            []
        """
        return self.tier.verify_files()

    def clear_quarantine(self) -> frozenset[str]:
        """Use the rules again that a verification had quarantined; which they were.

        Example:
            >>> client.clear_quarantine()
            frozenset()
        """
        rules = self.tier.queries.quarantined()
        self.tier.preferences.pardon(rules)
        return rules
