"""Rules of the family casts."""
