"""Do a statement that changes something, again where another change came in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from bigpato_magic.demo import statement as st
from bigpato_magic.demo.catalogue import Conflict
from bigpato_magic.demo.ddl import Ddl
from bigpato_magic.demo.dml import Dml
from bigpato_magic.demo.engine import Context, Engine
from bigpato_magic.demo.writer import Changed
from bigpato_magic.errors import WarehouseError
from bigpato_magic.status import Cancel

_ATTEMPTS = 10


class Changes:
    """Does them. A statement that meets a concurrent change of its table starts again on the new state."""

    def __init__(self, engine: Engine) -> None:
        dml, ddl = Dml(engine), Ddl(engine)
        self._actions: dict[type[exp.Expr], Callable[[Any, Context, Cancel | None], Changed]] = {
            exp.Alter: ddl.alter,
            exp.Create: ddl.create,
            exp.Delete: dml.delete,
            exp.Drop: ddl.drop,
            exp.Insert: dml.insert,
            exp.Merge: dml.merge,
            exp.TruncateTable: dml.truncate,
            exp.Update: dml.update,
        }

    def run(self, statement: exp.Expr, context: Context, cancel: Cancel | None = None) -> Changed:
        """Do one statement.

        Raises:
            QueryError: it is wrong, or the demo warehouse does not do it.
            WarehouseError: others changed the table again and again.
            Cancelled: `cancel` was set; nothing is changed.
        """
        action = self._actions.get(type(statement))
        if action is None:
            raise st.cannot(f"{statement.key.upper()} …")
        for _ in range(_ATTEMPTS):
            try:
                return action(statement.copy(), context, cancel)
            except Conflict:
                continue
        raise WarehouseError("Could not serialize access to the table due to concurrent update", hint="try again")
