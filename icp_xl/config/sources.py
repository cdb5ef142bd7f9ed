"""Settings of the section ``sources``."""

from __future__ import annotations

from icp_xl.config.base import Section


class SourcesSettings(Section):
    """Settings of the section ``sources``."""
