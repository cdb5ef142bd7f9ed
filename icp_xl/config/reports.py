"""Settings of the section ``reports``."""

from __future__ import annotations

from icp_xl.config.base import Section


class ReportSettings(Section):
    """Settings of the section ``reports``."""
