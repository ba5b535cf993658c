"""The suite of faithfulness: questions over literals alone, which a person's own BigQuery answers for nothing.

The package's tests ask the same questions of Google's reference implementation (`tests/sql`).
"""

from bigpato_magic.suite.questions import SuiteQuestion, families, questions
from bigpato_magic.suite.run import FamilyReport, SuiteLimits, SuiteReport, run_suite

__all__ = [
    "FamilyReport",
    "SuiteLimits",
    "SuiteQuestion",
    "SuiteReport",
    "families",
    "questions",
    "run_suite",
]
