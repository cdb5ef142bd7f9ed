"""Settings of the section ``validation``."""

from __future__ import annotations

from icp_xl.config.base import Section


class ValidationSettings(Section):
    """Settings of the section ``validation``."""
