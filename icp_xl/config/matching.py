"""Settings of the section ``matching``."""

from __future__ import annotations

from icp_xl.config.base import Section


class MatchingSettings(Section):
    """Settings of the section ``matching``."""
