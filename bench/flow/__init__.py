"""What one whole proofing costs: round trips, commands, processor time, syncs."""
