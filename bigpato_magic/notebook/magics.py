"""`%%bpsql` and `%bp_explain`: the magic reads the line; what is meant is done by `cell`, imported when first used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from IPython.core.magic import Magics, magics_class

from bigpato_magic.notebook import magic_line
from bigpato_magic.notebook.options import BPSQL, command
from bigpato_magic.notebook.session import Session

if TYPE_CHECKING:
    from bigpato_magic.notebook.magic_line import Parser

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

        The result goes into `df`; without a name it is shown. `@least` is a typed query parameter: from --params, or
        the variable of that name. What BigQuery has answered is kept, and given again while its tables are unchanged,
        whatever the spelling, also as a part of a later query; --no_query_cache asks anew.

        %%bpsql df << --params {"least": 100}
        SELECT country, SUM(amount) AS total FROM orders WHERE amount >= @least GROUP BY country

        What it would cost, without running it; a short query on one line; and one built on a saved one:

        %%bpsql --dry_run
        SELECT country, COUNT(*) AS n FROM orders GROUP BY country

        n = %bpsql SELECT COUNT(*) AS n FROM orders

        %%bpsql --save big --no-execute
        SELECT * FROM orders WHERE amount > 90

        %%bpsql --with big --to arrow
        SELECT country, COUNT(*) AS n FROM big GROUP BY country
        """
        from bigpato_magic.notebook.cell import QueryCell

        return QueryCell(self.session, magic_line.read(_parser(self.bpsql), line, cell), local_ns).run(line)

    @command(_PARAMS, _WITH, cell=True)
    def bp_explain(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Say where a query would run and why, what each table's copy is worth, and what it costs; run nothing.

        Without a query: the story of the last one.

        %%bp_explain
        SELECT country, APPROX_COUNT_DISTINCT(order_id) AS n FROM orders GROUP BY country

        %bp_explain
        """
        from bigpato_magic.notebook.cell import QueryCell

        return QueryCell(self.session, magic_line.read(_parser(self.bp_explain), line, cell), local_ns).explain()


def _parser(magic: Any) -> Parser:
    return cast("Parser", magic.parser)
