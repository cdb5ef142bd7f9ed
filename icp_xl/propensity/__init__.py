"""Division models: splits, fit, calibration, evaluation, explanation, model files."""
