"""What parked jobs cost the jobs that run, and how soon a woken one runs: ``python -m bench.parked``."""
