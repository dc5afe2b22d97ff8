"""In-memory implementations of the ports, with lists to look into."""
