"""Our sheets and columns in workbooks that someone else made, and out of them again."""
