"""Forward holdout, drift, alerts, leakage gauntlet."""
