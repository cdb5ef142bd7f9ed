"""All SQL of the package: texts that DuckDB and Spark both run, and the engines that run them."""
