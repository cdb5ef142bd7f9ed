"""Results in a workbook that someone keeps."""
