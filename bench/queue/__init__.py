"""The bench of the queue; run it with ``python -m bench.queue``."""
