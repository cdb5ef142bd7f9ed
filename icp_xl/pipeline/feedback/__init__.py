"""Snapshots, outcomes, and what they teach."""
