"""Rules of the family arrays."""
