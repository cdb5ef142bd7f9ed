"""Sheet specifications to new workbook files, through XlsxWriter."""
