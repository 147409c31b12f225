"""The verification store of one machine, in a SQLite file of its own that is synced at every commit."""
