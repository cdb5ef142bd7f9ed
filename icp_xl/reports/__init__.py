"""Frames to sheet specifications: what a sheet shows. Knows no file."""
