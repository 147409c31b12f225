"""The call store in SQLite."""
