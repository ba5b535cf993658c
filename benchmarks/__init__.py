"""Benchmarks: what they measure is said in each; run them as `python -m benchmarks.<name>`."""
