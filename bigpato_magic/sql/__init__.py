"""From GoogleSQL to DuckDB: `read` looks at raw text, `compile` turns a resolved tree into DuckDB SQL by tables of rules."""
