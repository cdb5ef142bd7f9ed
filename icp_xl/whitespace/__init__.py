"""Whitespace: which account to call next, about which division, and why.

Frames in, frames out: signals, blend, gates, cooldown, capacity, reasons, holdout, metrics. Nothing here reads a file.
"""
