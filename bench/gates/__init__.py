"""The gates before vendors: what they cost, and how exact they are over four workers."""
