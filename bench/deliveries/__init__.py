"""Events to endpoints: ``python -m bench.deliveries``."""
