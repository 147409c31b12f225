"""How soon a vendor's webhook is visible on the page of its person."""
