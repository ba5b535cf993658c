"""Ask a person's BigQuery the questions of the suite, and compare what it says with what this machine says."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bigpato_magic.errors import ConfigurationError, QueryError
from bigpato_magic.suite.batches import LocalAnswer, batches, packed, unpacked
from bigpato_magic.suite.questions import families, questions
from bigpato_magic.types import QueryResult, Route
from bigpato_magic.verification import Begun, difference

if TYPE_CHECKING:
    import pyarrow as pa

    from bigpato_magic.runner import Request
    from bigpato_magic.status import Cancel
    from bigpato_magic.verification import Verifier

ONE_BYTE = 1
"""What a job of the suite may bill at most, though a dry run has said 0: BigQuery takes no limit of 0."""


@dataclass(frozen=True, slots=True)
class SuiteLimits:
    """How far a run may go.

    Args:
        jobs: of BigQuery, at most.
        seconds: after which no further job begins.
    """

    jobs: int = 300
    seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class FamilyReport:
    """What came of one family.

    Args:
        family: its name.
        equal: questions that both answer alike.
        different: questions that BigQuery answers otherwise.
        undecided: questions of which BigQuery itself leaves the answer open.
        left: questions that are BigQuery's: nothing is claimed of them here.
        open: questions that were not asked any more.
    """

    family: str
    equal: int = 0
    different: int = 0
    undecided: int = 0
    left: int = 0
    open: int = 0

    @property
    def questions(self) -> int:
        """All of the family."""
        return self.equal + self.different + self.undecided + self.left + self.open


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """What came of a run.

    Args:
        families: in the order they were asked.
        differences: one sentence for each question that BigQuery answers otherwise.
        cases: the files that keep them, for a report.
        jobs: of BigQuery.
        bytes_billed: by them.
        stopped: why not all was asked, "" where it was.
    """

    families: tuple[FamilyReport, ...]
    differences: tuple[str, ...]
    cases: tuple[Path, ...]
    jobs: int
    bytes_billed: int
    stopped: str = ""


class _Enough(Exception):
    """A limit is reached."""


def run_suite(
    verifier: Verifier,
    request: Request,
    names: Sequence[str] = (),
    *,
    limits: SuiteLimits = SuiteLimits(),
    cancel: Cancel,
    say: Callable[[str], None] = lambda _: None,
) -> SuiteReport:
    """Ask them all.

    A difference is kept as a case, and its rules are quarantined, as after any verification.

    Args:
        verifier: what compares, and whose runner asks.
        request: any; the questions are asked with its project, dataset and options.
        names: of the families, all by default.
        limits: how far to go.
        cancel: stops it between two jobs.
        say: hears how far it is.

    Raises:
        ConfigurationError: there is no such family.
        WarehouseError: BigQuery cannot be reached or refuses.
        Cancelled: `cancel` was set.
    """
    run = _SuiteRun(verifier, request, limits, cancel, say)
    for name in _known(names):
        run.family(name)
    return run.report()


def _known(names: Sequence[str]) -> Sequence[str]:
    known = families()
    for name in names:
        if name not in known:
            raise ConfigurationError(f"the suite has no family {name!r}", hint=f"there are {', '.join(known)}")
    return names or known


@dataclass(slots=True)
class _SuiteRun:
    verifier: Verifier
    request: Request
    limits: SuiteLimits
    cancel: Cancel
    say: Callable[[str], None]
    jobs: int = 0
    billed: int = 0
    stopped: str = ""
    reports: list[FamilyReport] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    cases: list[Path] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def family(self, name: str) -> None:
        asked = questions(name)
        answers = [answer for each in asked if (answer := self._here(each.sql)) is not None]
        outcomes: Counter[str] = Counter()
        try:
            for batch in batches(answers) if not self.stopped else ():
                for outcome in self._compared(batch):
                    outcomes[outcome] += 1
                self.say(f"{name}: {outcomes.total()} of {len(answers)} questions, {self.jobs} jobs")
        except _Enough as why:
            self.stopped = str(why)
        told = {outcome: outcomes[outcome] for outcome in ("equal", "different", "undecided")}
        open_ = len(answers) - outcomes.total()
        self.reports.append(FamilyReport(name, **told, left=len(asked) - len(answers), open=open_))

    def report(self) -> SuiteReport:
        told = tuple(self.reports), tuple(self.differences), tuple(self.cases)
        return SuiteReport(*told, self.jobs, self.billed, self.stopped)

    def _here(self, sql: str) -> LocalAnswer | None:
        """What rules of this package answer; None for what they leave to BigQuery."""
        self.cancel.check()
        request = replace(self.request, sql=sql, route=Route.AUTO, cancel=self.cancel, progress=None)
        result = self.verifier.runner.answer_here(request)
        if not isinstance(result, QueryResult) or not isinstance(result.decision, Begun):
            return None
        return LocalAnswer(request, result)

    def _compared(self, batch: Sequence[LocalAnswer]) -> Iterator[str]:
        """An outcome for each. Only equal ones are believed of a batch: the others are asked alone."""
        for answer, theirs in zip(batch, self._together(batch), strict=True):
            same = theirs is not None and difference(answer.result.arrow, theirs) is None
            yield "equal" if same else self._alone(answer)

    def _together(self, batch: Sequence[LocalAnswer]) -> Sequence[pa.Table | None]:
        """BigQuery's answers by one job; where one of them makes it fail, by two of half the size, and so on."""
        if len(batch) == 1:
            return [None]
        try:
            return unpacked(self._asked(packed(batch)))
        except QueryError:
            half = len(batch) // 2
            return [*self._together(batch[:half]), *self._together(batch[half:])]

    def _asked(self, sql: str) -> pa.Table:
        self._see_that_it_bills_nothing(sql)
        options = replace(self.request.options, use_query_cache=False, maximum_bytes_billed=ONE_BYTE)
        answer = self.verifier.runner.warehouse.query(sql, options=options, cancel=self.cancel)
        self.billed += answer.bytes_billed
        return answer.arrow

    def _alone(self, answer: LocalAnswer) -> str:
        try:
            self._see_that_it_bills_nothing(answer.request.sql)
            verified = self.verifier.verify(answer.request, answer.result)
        except QueryError as error:
            verified = self.verifier.refused(answer.request, answer.result, error)
        self.billed += verified.bytes_billed
        if verified.outcome == "different":
            self.differences.append(f"{verified.detail}: {answer.request.sql}")
        if verified.case:
            self.cases.append(verified.case)
        return verified.outcome

    def _see_that_it_bills_nothing(self, sql: str) -> None:
        """A dry run, which is free; it counts no job. Then one job may begin."""
        self.cancel.check()
        if self.jobs >= self.limits.jobs:
            raise _Enough(f"{self.limits.jobs} jobs are the limit")
        if time.monotonic() - self.began > self.limits.seconds:
            raise _Enough(f"{self.limits.seconds:.0f} seconds are the limit")
        read = self.verifier.runner.warehouse.dry_run(sql, options=self.request.options).bytes_processed
        if read:
            raise _Enough(f"BigQuery would read {read} bytes for it, and the suite asks only what is free")
        self.jobs += 1
