"""How the compiler says no. A refusal ends the compilation; `compile` makes it a reason that a person reads."""

from __future__ import annotations

from typing import NoReturn

from bigpato_magic.types import Reason


class Unsupported(Exception):
    """Something of the query has no faithful DuckDB form."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.reason = Reason(code, message)


def refuse(what: str, *, code: str = "no-rule") -> NoReturn:
    """Refuse the query, because `what` (a noun phrase: "FORMAT with %e") is not known to be the same in DuckDB.

    Raises:
        Unsupported: always.
    """
    raise Unsupported(code, f"no faithful local form is known for {what}")
