"""Whom to call next, about what, and why."""
