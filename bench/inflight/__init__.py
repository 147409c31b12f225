"""How many vendor calls one worker process holds."""
