"""Files to raw frames: workbooks, CSV, CRM exports."""
