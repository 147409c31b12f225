"""What a call in a CPU child costs, and how long it holds up the event loop."""
