"""The worksheet functions and the live scoring as one script for xlwings Lite."""
