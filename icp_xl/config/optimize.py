"""Settings of the section ``optimize``."""

from __future__ import annotations

from icp_xl.config.base import Section


class OptimizeSettings(Section):
    """Settings of the section ``optimize``."""
