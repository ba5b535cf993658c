"""Real emulator servers for contract tests, in environments that the tests build themselves.

`environments` makes them (in `.emulators/`, once), `servers` starts and stops processes on free loopback ports,
`fixtures` hands both to pytest. They answer through DuckDB: they test plumbing, never BigQuery's dialect.
"""
