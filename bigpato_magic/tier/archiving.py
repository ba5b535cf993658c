"""What goes into an archive: copies and kept relations that are known to be of one instant, and whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files import archive as files
from bigpato_magic.tier.freshness.past import of_then, read_then
from bigpato_magic.tier.open_tier import OpenTier
from bigpato_magic.types import Freshness, Instants, Reason, TableCopy


def archive(
    opened: OpenTier, path: Path, as_of: datetime, place: Mapping[str, str], cancel: Cancel
) -> tuple[tuple[TableCopy, ...], tuple[Reason, ...]]:
    """See `Tier.archive`.

    Args:
        opened: the tier in use.
        path: of the new file.
        as_of: the instant.
        place: project and dataset of unqualified names.
        cancel: stops it.
    """
    copies, why_not = _of_then(opened, Instants(as_of, as_of))
    if not copies:
        reason = f": {why_not[0]}" if why_not else ""
        raise ConfigurationError(
            f"Nothing here is known to be of that instant{reason}",
            hint="%bp_rebalance first; what has just changed can be archived a few seconds later",
        )
    with opened.leases.lease(copies):
        opened.digests.begin(copies, all_of_it=True).outcome(cancel)
        files.write(path, copies, as_of=as_of, each=cancel.check, **place)
    return copies, why_not


def _of_then(opened: OpenTier, past: Instants) -> tuple[tuple[TableCopy, ...], tuple[Reason, ...]]:
    """What is known to be of then, as it is published; and why the rest is not."""
    catalog = opened.catalog
    candidates = [of_then(catalog.versions(table), past) for table in catalog.copies()]
    candidates += [read_then(relation, past) for relation in catalog.kept()]
    verdicts = opened.facts.check(candidates, 0, offline=False) if candidates else {}
    certain = tuple(copy for copy in candidates if verdicts[copy.table][0] is Freshness.FRESH)
    reasons = (reason for freshness, reason in verdicts.values() if freshness is not Freshness.FRESH and reason)
    return tuple(read_then(copy, None) for copy in certain), tuple(dict.fromkeys(reasons))
