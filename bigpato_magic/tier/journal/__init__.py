"""What all kernels of a tier share and write: one SQLite file of habits, money and preferences; never answers."""
