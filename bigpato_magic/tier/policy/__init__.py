"""What to hold: pure, facts in and a plan out."""
