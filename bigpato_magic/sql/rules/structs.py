"""Rules of the family structs."""
