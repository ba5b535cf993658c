"""What can be read off the resolved tree: no engine, no SQL text."""
