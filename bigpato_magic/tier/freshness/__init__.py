"""May a copy answer: what BigQuery says now, against what it was made from."""
