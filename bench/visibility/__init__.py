"""How soon a result is visible across processes, in the production shape."""
