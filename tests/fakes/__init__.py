"""In-memory stands-in for the ports, with lists to look into."""
