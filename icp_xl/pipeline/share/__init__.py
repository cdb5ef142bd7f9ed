"""Copies that are safe to send."""
