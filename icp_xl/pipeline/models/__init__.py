"""Sales log to star schema, features, labels, trained models, and how they hold up."""
