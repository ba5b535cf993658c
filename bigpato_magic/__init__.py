"""BigQuery SQL in a notebook, on your laptop where that gives the same answer."""
