"""What counting, erasing, listing and pruning cost beside a long backlog: ``python -m bench.backlog``."""
