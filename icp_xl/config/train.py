"""Settings of the section ``train``."""

from __future__ import annotations

from icp_xl.config.base import Section


class TrainSettings(Section):
    """Settings of the section ``train``."""
