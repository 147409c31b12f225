"""How many photos of specimens the reader reads, and what that takes."""
