"""What happened after a cutoff."""
