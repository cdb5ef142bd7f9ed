"""Raw frames to clean tables: customers, transactions, assets, opportunities."""
