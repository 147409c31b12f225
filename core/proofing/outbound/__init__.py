"""The only way out to vendors: proxy, allow-list, deadlines and caps."""
