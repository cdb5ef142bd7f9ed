"""Settings of the section ``share``."""

from __future__ import annotations

from icp_xl.config.base import Section


class ShareSettings(Section):
    """Settings of the section ``share``."""
