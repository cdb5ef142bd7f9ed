"""The worksheet functions of the add-in as defined names of a workbook."""
