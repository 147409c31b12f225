"""Finds plugins, loads them, and holds what they hand over to its contract."""
