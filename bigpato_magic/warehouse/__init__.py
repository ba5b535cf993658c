"""BigQuery behind a seam: the Protocols in `base`, kept with Google's own clients by the other modules."""
