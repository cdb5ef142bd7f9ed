"""What was known of an account at a cutoff."""
