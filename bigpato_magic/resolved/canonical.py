"""The canonical form of a relation: equal digests, equal meaning. A wrong equality would be a wrong answer.

What does not matter: comments, blanks, names that a text gives, numbers of columns, the order of conjuncts and of keys, and
which columns go on. What does is told by `relations` (scans) and `meaning` (expressions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.digests import FORMAT, digest
from bigpato_magic.resolved.meaning import UNKNOWN
from bigpato_magic.resolved.relations import Form, QueryPart, Relations
from bigpato_magic.resolved.rollup import grouping
from bigpato_magic.types import AnalyzedQuery, Grouping, Parameter

Node = Any


@dataclass(frozen=True, slots=True)
class Canonical:
    """What a scan means.

    Args:
        digest: of its rows, in any order, with whatever columns.
        columns: canonical name of each column, by its number; two relations of one digest have the same values in
            columns of the same name.
        order: digest of the order that its rows come in; None where they come in any.
    """

    digest: str
    columns: Mapping[int, str]
    order: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """What a whole statement asks.

    Args:
        digest: of the rows of its answer, in any order. Equal for `SELECT a FROM t` and `SELECT b FROM t`.
        columns: the canonical name of each column of its answer, in order.
        order: digest of its ORDER BY; None where it has none.
        grouping: the groups that the rows of its answer are; None where they are none, or not all of them.
    """

    digest: str
    columns: tuple[str, ...]
    order: str | None
    grouping: Grouping | None = None


def canonical(
    scan: Node, *, entries: Node | None = None, parameters: Sequence[Parameter] = (), today: date | None = None
) -> Canonical | None:
    """The canonical form of a scan; None where nothing that it gives may be kept.

    That is what gives another answer each time (the clock, chance, the person), another instant of a table, a sample, a
    function that is not GoogleSQL's, a parameter without a value, a column from around the scan; or it nests too deep.

    Args:
        scan: a scan of a resolved tree.
        entries: the WithScan whose table expressions it may name.
        parameters: with checked values (`parameters.check`).
        today: the date of the run by the server's clock, in UTC, which CURRENT_DATE() is.
    """
    reader = Relations(parameters, today)
    try:
        if entries is not None:
            reader.define_entries(entries, scan)
        whole = reader.find(scan)
    except RecursionError:
        return None
    return Canonical(marked(whole.form), whole.form.names, whole.form.order) if whole.closed else None


def question(query: AnalyzedQuery, parameters: Sequence[Parameter], today: date | None) -> Question | None:
    """What a statement asks; None where its answer must not be kept (see `canonical`).

    Args:
        query: as analyzed.
        parameters: with checked values.
        today: the date of the run by the server's clock, in UTC; None where CURRENT_DATE() is not kept.
    """
    statement = tree.node(query.tree)
    if tree.name(statement) != "QueryStmt":
        return None
    reader = Relations(parameters, today)
    try:
        whole = reader.find(statement.query)
    except RecursionError:
        return None
    columns = tuple(whole.form.names.get(o.column.column_id, UNKNOWN) for o in statement.output_column_list)
    # Hints of the statement are all that it may say besides.
    plain = not reader.fields(statement, ("output_column_list", "query"))
    if not (whole.closed and plain) or UNKNOWN in columns:
        return None
    return Question(marked(whole.form), columns, whole.form.order, _grouping(reader, whole))


def _grouping(reader: Relations, whole: QueryPart) -> Grouping | None:
    """The groups that the rows of an answer are: those of the first scan in it that means the same rows and groups some."""
    if whole.form.conjuncts:
        return None
    alike = (place for place, part in enumerate(reader.parts) if part.form.digest == whole.form.base)
    return next((groups for place in alike if (groups := grouping(reader.parts, place)) is not None), None)


def marked(form: Form) -> str:
    """The digest of a relation as it is kept: with the format of digests."""
    return digest(FORMAT, form.digest)
