"""What a process does for others: the server's one door, the worker, erasure, health."""
