"""Workbook files: new ones (``render``), users' own (``write_back``), copies to send (``sharing``)."""
