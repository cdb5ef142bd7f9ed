"""What was known at a cutoff."""
