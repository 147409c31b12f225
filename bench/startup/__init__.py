"""How fast the command line answers and the product starts."""
