"""The call store in PostgreSQL, over a connection of its own."""
