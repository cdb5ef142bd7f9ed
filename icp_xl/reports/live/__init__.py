"""The live workbook: weights, grades and segments to try, in native formulas."""
