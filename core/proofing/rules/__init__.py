"""Pure functions that judge: no clock, no store, no vendor; everything they need is an argument."""
