"""Keeping the answers of queries that BigQuery computed: kept relations come, give way, and go."""
