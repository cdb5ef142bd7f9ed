"""Settings of the section ``feedback``."""

from __future__ import annotations

from icp_xl.config.base import Section


class FeedbackSettings(Section):
    """Settings of the section ``feedback``."""
