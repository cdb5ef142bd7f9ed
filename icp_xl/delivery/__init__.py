"""Sheet specifications to a workbook file, an existing workbook, the open Excel, or an e-mail."""
