"""DuckDB on this machine: it writes copies and answers queries over them. What is copied and when is `tier`'s."""
