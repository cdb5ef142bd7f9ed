"""The search for component weights: objective, study, trade-off."""
