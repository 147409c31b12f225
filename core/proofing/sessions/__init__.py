"""What is stored about a person: sealed sessions, upload slots, and notes by which an erasure finds it."""
