"""The local store: which copies there are, what they are worth, and how they come, change and go."""
