"""What counting, erasing, listing and pruning cost alongside a long backlog: ``python -m bench.backlog``."""
