"""Elements of the formats of FORMAT_DATE, PARSE_DATE and their kin that mean one thing, on BigQuery and in Google's evaluator.

The evaluator's C library knows fewer than the page lists: it writes nothing for `%k`, `%l` and `%P`, and does not read `%F`. Others
are on no page.
https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_elements_date_time
"""

from __future__ import annotations

import re

WRITTEN = frozenset(
    """
    % A B C D E4Y EC EY Ex Ey Ez F G H I M Od Om Oy Q R S T U V W X Y Z a b c d e g h j m n p r s t u w x y z
    """.split()  # noqa: SIM905 - a list of words is read as one
)
"""By FORMAT_DATE and its kin, without their `%`; `%E3S`, `%E*S` and their kin besides."""
READ = frozenset(
    """
    % A B D E4Y EY Ez H I M P Q R S T X Y Z a b c d e h j l m n p r s t x y z
    """.split()  # noqa: SIM905 - a list of words is read as one
)
"""By PARSE_DATE and its kin; seconds of up to six digits besides."""
SECONDS = re.compile(r"E(\*|[0-9])S")
_READ_SECONDS = re.compile(r"E(\*|[0-6])S")
ELEMENT = re.compile(r"%(E\*S|E[0-9]S|E4Y|[EO][a-zA-Z]|[^EO]|$|[EO])", re.DOTALL)


def unknown_element(form: str, *, reading: bool = False) -> str | None:
    """The first element of a format that is left to BigQuery, without its `%`; None where there is none.

    Args:
        form: the format.
        reading: of PARSE_DATE or its kin.
    """
    known, seconds = (READ, _READ_SECONDS) if reading else (WRITTEN, SECONDS)
    elements = (match[1] for match in ELEMENT.finditer(form))
    return next((each for each in elements if each not in known and not seconds.fullmatch(each)), None)
