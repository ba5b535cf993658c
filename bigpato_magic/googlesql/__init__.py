"""Google's own analyzer of BigQuery SQL, behind one clean seam. Nothing heavy is imported until it is used.

`service` makes it ready; `analyze` says what a query means; `tree` reads that; `evaluate` runs small queries exactly.
"""
