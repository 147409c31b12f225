"""What a further question of a job costs: ``python -m bench.checkpoints``."""
