"""Settings of the section ``delivery``."""

from __future__ import annotations

from icp_xl.config.base import Section


class DeliverySettings(Section):
    """Settings of the section ``delivery``."""
