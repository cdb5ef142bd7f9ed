"""Settings of the section ``excel``."""

from __future__ import annotations

from icp_xl.config.base import Section


class ExcelSettings(Section):
    """Settings of the section ``excel``."""
