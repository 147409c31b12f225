"""What we measure; each package is one bench, run by `make bench-NAME`."""
