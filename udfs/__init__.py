"""Worksheet functions: thin wrappers over the library."""
