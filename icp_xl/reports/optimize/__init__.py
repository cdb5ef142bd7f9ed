"""The report on the weight search, sheet by sheet."""
