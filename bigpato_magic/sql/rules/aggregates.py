"""Rules of the family aggregates."""
