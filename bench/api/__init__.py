"""How long `/v1` takes over HTTP."""
