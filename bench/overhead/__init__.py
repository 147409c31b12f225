"""Submit to visible result, minus the vendor."""
