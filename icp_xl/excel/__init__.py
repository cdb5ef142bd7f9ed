"""Macros behind the ribbon, background jobs, add-in build, install and doctor."""
