"""Which vendor is asked, how often, and about whom: the router, budgets, and limits in their windows."""
