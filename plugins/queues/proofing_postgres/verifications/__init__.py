"""The verification store in PostgreSQL, over connections of its own."""
