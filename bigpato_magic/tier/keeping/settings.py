"""The settings of keeping."""

from __future__ import annotations

from traitlets import Bool, Float

from bigpato_magic.traits import Configured, Duration, Size


class Keep(Configured):
    """Which answers of BigQuery are kept, to be given again while nothing they rest on has changed."""

    on = Bool(
        True, help="Keep answers that BigQuery computed, and answer by them while their tables are unchanged."
    ).tag(config=True)
    fragments = Bool(
        True,
        help="Where only some tables are missing here, ask BigQuery for these parts of the query, where that bills less than "
        "the whole, and keep them.",
    ).tag(config=True)
    largest = Size(64 << 20, help="Bytes of the largest answer that is kept, as Arrow holds it.").tag(config=True)
    share = Float(0.25, min=0.0, max=1.0, help="The part of Tier.budget that kept answers may take.").tag(config=True)
    hold_for = Duration(7 * 86400.0, help="A kept answer that nobody has asked for so long goes.").tag(config=True)
