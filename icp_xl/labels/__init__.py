"""What happened after a cutoff: labels per account, division and cutoff."""
