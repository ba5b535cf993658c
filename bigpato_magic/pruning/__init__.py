"""Which partitions a query can draw from: predicates to sets of values, sets of values to partition ids. Pure; makes no SQL."""
