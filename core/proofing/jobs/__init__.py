"""Jobs: how they are submitted and undone, the work of each kind, the life that all share, and their ends."""
