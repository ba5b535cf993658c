"""The settings of freshness."""

from __future__ import annotations

from traitlets import Bool, Int

from bigpato_magic.traits import Configured, Duration


class FreshnessPolicy(Configured):
    """How fresh a local answer must be."""

    max_staleness = Duration(
        0.0, help="A check of a table may be this old; 0 checks for every query, 'inf' never ('30 s', '5 min')."
    ).tag(config=True)
    offline = Bool(
        False, help="While BigQuery cannot be reached, copies may answer; the answer says since when it is unverified."
    ).tag(config=True)
    poll = Bool(True, help="Keep the checks of the tables in use warm in the background (max_staleness above 0).").tag(
        config=True
    )
    poll_every = Duration(20.0, help="Longest time between two background checks of a table in use.").tag(config=True)
    idle_after = Duration(300.0, help="Background checks stop this long after the last query.").tag(config=True)
    hot_tables = Int(16, min=1, help="How many of the last used tables are checked in the background.").tag(config=True)
