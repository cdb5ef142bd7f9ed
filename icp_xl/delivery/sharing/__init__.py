"""Workbooks that are to leave the house: checked, cleaned, named, locked, printed."""
