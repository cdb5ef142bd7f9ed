"""Snapshots, outcomes, accuracy, refinement, champion against challenger."""
