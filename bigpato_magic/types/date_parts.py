"""The parts of dates and times by GoogleSQL's names, and how long each is."""

from __future__ import annotations

DAY_MICROS = 86_400_000_000
CLOCK_MICROS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
}
MICROS = {**CLOCK_MICROS, "DAY": DAY_MICROS, "WEEK": 7 * DAY_MICROS}
"""Microseconds of each part that is always of one length."""
MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
"""Months of each part that is a number of them."""
WEEKDAYS = {
    "WEEK": 0,
    "WEEK_MONDAY": 1,
    "WEEK_TUESDAY": 2,
    "WEEK_WEDNESDAY": 3,
    "WEEK_THURSDAY": 4,
    "WEEK_FRIDAY": 5,
    "WEEK_SATURDAY": 6,
    "ISOWEEK": 1,
}
"""The weekday with which each kind of week begins; Sunday is 0."""
