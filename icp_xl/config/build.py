"""Settings of the section ``build``."""

from __future__ import annotations

from icp_xl.config.base import Section


class BuildSettings(Section):
    """Settings of the section ``build``."""
