"""Carrying a plan out: bringing tables, parts and appends, in the foreground or while the kernel is idle."""
