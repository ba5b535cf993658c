"""Rules of the family windows."""
