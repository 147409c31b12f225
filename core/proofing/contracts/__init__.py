"""What plugins keep: hooks, proofers, queues and stores, and the plain values that pass through them."""
