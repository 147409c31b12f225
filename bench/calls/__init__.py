"""Records of calls: ``python -m bench.calls``."""
