"""A query's way, one stop after the other: text → names → copies → analyzed → compiled → decided → run → result.

`request` is what was asked, `planner` goes as far as a decision needs (`splits` looks for a part
that DuckDB can begin), `checks` asks beside the run whether the copies are fresh, `here` and `there` run, `runner` does
all of it.
"""

from bigpato_magic.runner.request import Request, RunProgress
from bigpato_magic.runner.runner import QueryRunner

__all__ = ["QueryRunner", "Request", "RunProgress"]
