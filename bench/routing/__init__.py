"""What a decision costs: ``python -m bench.routing``."""
