"""Rules of the family strings."""
