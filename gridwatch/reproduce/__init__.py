"""What a trial was made of, and making it again from that."""
