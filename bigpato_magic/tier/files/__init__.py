"""Copies on the disk: staging, publishing, leases, locks, what is free."""
