"""Settings of the section ``whitespace``."""

from __future__ import annotations

from icp_xl.config.base import Section


class WhitespaceSettings(Section):
    """Settings of the section ``whitespace``."""
